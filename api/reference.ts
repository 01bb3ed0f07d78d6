/** The OpenAPI document in words: as Markdown for docs/API.md, and as the page /docs, which loads nothing else. */
import { Marked } from 'marked'
import type { OpenAPIV3_1 } from 'openapi-types'
import type { Document } from './openapi.ts'
import type { CodeSample } from './operations/parts.ts'

type Operation = OpenAPIV3_1.OperationObject<{ 'x-codeSamples'?: CodeSample[] }>
type Answer = OpenAPIV3_1.ResponseObject

/** One section for each operation, in the order of the app's routes. */
export function markdownOf(document: Document): string {
  const sections = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item ?? {}).map(([method, operation]) =>
      operationSection(`${method.toUpperCase()} ${path}`, operation as Operation, document),
    ),
  )
  const intro = [`# ${document.info.title} API`, document.info.description ?? '', SHELL]
  return [...intro, ...sections].join('\n\n')
}

const SHELL =
  'The commands are for a shell in which `LOGOUT_TRAIL_URL` is where the service listens (`localhost:8787`), `READER_KEY` a secret of ' +
  '`READER_API_KEYS`, and `SESSION_TOKEN` what `getToken()` of Clerk gives (in development mode `GET /dev/token`).'

export function pageOf(document: Document): string {
  const body = new Marked({ async: false }).parse(markdownOf(document)) as string
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title} API</title>
<style>${STYLE}</style>
<main>
${body}<p><a href="/openapi.json">openapi.json</a> is this document for programs.</p>
</main>
</html>
`
}

function operationSection(call: string, operation: Operation, document: Document): string {
  const parts = [`## \`${call}\``, `**${operation.summary}**`, operation.description ?? '']
  if (operation.security) parts.push(`Credentials: ${credentialsOf(operation.security, document)}.`)
  if (operation.parameters?.length)
    parts.push(parameterTable(operation.parameters as OpenAPIV3_1.ParameterObject[]))
  for (const { source } of operation['x-codeSamples'] ?? []) parts.push(`\`\`\`sh\n${source}\n\`\`\``)
  for (const [status, answer] of Object.entries(operation.responses ?? {})) {
    parts.push(answerSection(status, answer as Answer))
  }
  return parts.filter((part) => part !== '').join('\n\n')
}

function credentialsOf(security: OpenAPIV3_1.SecurityRequirementObject[], document: Document): string {
  const schemes = document.components?.securitySchemes ?? {}
  const names = security.flatMap((requirement) => Object.keys(requirement))
  const words = names.map((name) => credentialOf(name, schemes[name] as OpenAPIV3_1.SecuritySchemeObject))
  const optional = security.some((requirement) => Object.keys(requirement).length === 0)
  return `${words.join(' or ')}${optional ? '; optional' : ''}`
}

function credentialOf(name: string, scheme: OpenAPIV3_1.SecuritySchemeObject): string {
  const { description = name } = scheme
  return scheme.type === 'apiKey'
    ? `${description}, in the header \`${scheme.name}\``
    : `${description}, as \`Authorization: Bearer …\``
}

function parameterTable(parameters: OpenAPIV3_1.ParameterObject[]): string {
  const rows = parameters.map((parameter) => {
    const schema = parameter.schema as OpenAPIV3_1.SchemaObject | undefined
    const values = schema?.enum?.map((value) => `\`${value}\``).join(' ') ?? String(schema?.type ?? '')
    return `| \`${parameter.name}\` | ${parameter.in} | ${values} | ${parameter.description ?? ''} |`
  })
  return ['| parameter | in | values | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

function answerSection(status: string, answer: Answer): string {
  const parts = [`### ${status}`, answer.description]
  for (const [name, header] of Object.entries(answer.headers ?? {})) {
    parts.push(`Header \`${name}\`: ${'description' in header ? header.description : ''}`)
  }
  for (const [mediaType, { example }] of Object.entries(answer.content ?? {})) {
    const text = typeof example === 'string' ? example.trimEnd() : JSON.stringify(example, null, 2)
    parts.push(`\`${mediaType}\``, `\`\`\`${mediaType.includes('json') ? 'json' : ''}\n${text}\n\`\`\``)
  }
  return parts.join('\n\n')
}

const STYLE = `
:root {
  color-scheme: light dark;
  --line: color-mix(in srgb, currentColor 16%, transparent);
  --tint: color-mix(in srgb, currentColor 7%, transparent);
}
body { margin: 0; font: 16px/1.6 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { line-height: 1.2 }
h2 { margin-top: 3rem; padding-top: 1.5rem; border-top: 1px solid var(--line) }
h2 code { font-size: 1.1rem; font-weight: 600; background: none; padding: 0 }
h3 { margin-bottom: 0 }
code { font: 0.875em ui-monospace, monospace; padding: 0.1em 0.3em; border-radius: 4px; background: var(--tint); white-space: nowrap }
pre { padding: 0.9rem 1rem; border-radius: 8px; background: var(--tint); overflow-x: auto }
pre code { padding: 0; background: none; white-space: pre }
table { display: block; overflow-x: auto; border-collapse: collapse }
th, td { padding: 0.4rem 0.8rem 0.4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
`
