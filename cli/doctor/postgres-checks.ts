/** The PostgreSQL that the trail is in. */
import { fine, info, warning, wrong, type Verdict } from './check.ts'
import { ofFailure } from './data-checks.ts'
import type { Found } from './facts.ts'
import type { ServerFacts } from './postgres-facts.ts'
import { size } from './words.ts'

/** The last tenth of the connections is left to others, and to the server's own. */
const MANY_CONNECTIONS = 0.9

export function server(server: Found<ServerFacts>): Verdict {
  if ('failed' in server) return ofFailure(server)
  const { version, fsync, standby, connections, connectionsLimit } = server.found
  const found = `PostgreSQL ${version}, ${connections} of ${connectionsLimit} connections in use`
  if (standby)
    return wrong(`${found}; it follows another server`, 'Let DATABASE_URL name the one that takes writes.')
  if (fsync !== 'on')
    return wrong(
      `${found}; fsync is ${fsync}`,
      'Set fsync=on: what is answered durable is lost with its power.',
    )
  if (connections >= MANY_CONNECTIONS * connectionsLimit)
    return warning(found, 'Raise max_connections, or end some clients: a service has up to eleven.')
  return fine(found)
}

export function service(server: Found<ServerFacts>): Verdict {
  if ('failed' in server) return info('not known: the server cannot be asked')
  const { writer } = server.found
  return writer === null
    ? info('none writes the session records now: no service runs, or none can')
    : info(`one runs as ${writer}, and writes the session records; others may run beside it`)
}

export function disk(server: Found<ServerFacts>): Verdict {
  if ('failed' in server) return info('not known: the server cannot be asked')
  const { trailBytes, recordsBytes } = server.found
  return info(
    `trail ${size(trailBytes)}, records ${size(recordsBytes)}; what is free, the server’s machine knows`,
  )
}
