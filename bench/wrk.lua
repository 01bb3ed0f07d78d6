-- wrk -s wrk.lua <url> -- <file with a token a line> <lines to skip> <user agent>
-- Prints: RESULT <answered> <microseconds> <unexpected> <tokens left, 0 when they ran out>
local requests = {}
local at = 0
local thread

function setup(started)
  thread = started
end

function init(args)
  local skip = tonumber(args[2])
  local line = 0
  for token in io.lines(args[1]) do
    line = line + 1
    if line > skip then
      local headers = { ["Authorization"] = "Bearer " .. token, ["User-Agent"] = args[3] }
      requests[#requests + 1] = wrk.format("DELETE", nil, headers)
    end
  end
  sent = 0
  total = #requests
end

function request()
  at = at + 1
  sent = sent + 1
  if at > #requests then at = 1 end
  return requests[at]
end

function done(summary)
  local errors = summary.errors
  local unexpected = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local left = math.max(thread:get("total") - thread:get("sent"), 0)
  print(string.format("RESULT %d %d %d %d", summary.requests, summary.duration, unexpected, left))
end
