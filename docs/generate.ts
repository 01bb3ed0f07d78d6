/** `npm run docs` writes docs/API.md from the routes of the service; a test holds the file to it. */
import { writeFileSync } from 'node:fs'
import { createApp, type AppDeps } from '../api/app.ts'
import { documentOf, type Document } from '../api/openapi.ts'
import { openMetrics, type Gauges } from '../api/metrics.ts'
import { markdownOf } from '../api/reference.ts'

/** The API in both states of the endpoint. */
export async function apiMarkdown(): Promise<string> {
  const withEndpoint = await documentIn('on')
  const without = await documentIn('off')
  const remaining = Object.keys(without.paths ?? {}).map((path) => `\`${path}\``)
  return `<!-- Written by \`npm run docs\` from the routes of the service. -->

${markdownOf(withEndpoint)}

## With \`LOGOUT_ENDPOINT=off\`

There is no logout endpoint: \`DELETE /v1/auth/session\` answers 404, and the document omits it. What remains is
${remaining.join(', ')}.
`
}

function documentIn(logoutEndpoint: 'on' | 'off'): Promise<Document> {
  const metrics = openMetrics({} as Gauges)
  // Nothing is called: the routes are only asked what they say of themselves.
  const deps = {
    metrics,
    reading: {},
    dashboard: { files: null, clerk: null },
    settings: { logoutEndpoint: logoutEndpoint === 'on', addresses: {} },
  } as AppDeps
  return documentOf(createApp(deps))
}

if (import.meta.main) {
  writeFileSync(new URL('API.md', import.meta.url), await apiMarkdown())
}
