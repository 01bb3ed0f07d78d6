/** Nothing but Node's server and a constant answer: what HTTP itself costs. */
import { createServer } from 'node:http'
import { ANSWER, HOST, targetSettings } from './settings.ts'

const body = JSON.stringify(ANSWER)

createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(body)
}).listen(targetSettings().port, HOST)
