/** The front-end code of docs/AUTH.md, as it stands there: bundled, rendered, and clicked. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { build } from 'esbuild'
import type { ComponentType } from 'react'
import { blockWith, ROOT } from './documents.ts'
import { openSignedIn } from './page.ts'
import type { Renderer } from './render.ts'
import { temporaryFolder } from './service.ts'

// React looks for a window when it is imported.
await using first = await openSignedIn()
assert.ok(first.page.window)
const { render } = await import('./render.ts')

/** Bundles code as Next would, with the sources for the package. */
async function bundled<T>(code: string, beside = ''): Promise<T> {
  const file = join(temporaryFolder(), 'snippet.cjs')
  const { outputFiles } = await build({
    stdin: { contents: `${code}\n${beside}`, loader: 'tsx', resolveDir: ROOT },
    alias: { 'logout-trail/react/nextjs': join(ROOT, 'react/nextjs.ts') },
    jsx: 'automatic',
    bundle: true,
    format: 'cjs',
    platform: 'node',
    write: false,
    logLevel: 'error',
  })
  writeFileSync(file, outputFiles[0]?.contents ?? '')
  return createRequire(import.meta.url)(file) as T
}

type Snippet = Renderer & Record<string, ComponentType>

const RENDERER = `
  export { ClerkProvider } from '@clerk/react'
  export { createElement } from 'react'
  export { createRoot } from 'react-dom/client'`

/** Shows a snippet's component to a signed-in person who clicks it. Gives what happened when that is over. */
async function clicked(code: string) {
  await using signedIn = await openSignedIn('user_1')
  const { site, page } = signedIn
  const snippet = await bundled<Snippet>(code, RENDERER)
  const component = snippet[/export function (\w+)/.exec(code)?.[1] ?? '']
  assert.ok(component)
  using app = await render(signedIn, snippet.createElement(component), snippet)
  app.find('button, [role=menuitem]').click()
  await page.landed()
  await page.settled()
  return {
    landings: page.landings,
    stillAtClerk: site.frontend.sessions.length,
    reports: site.reports,
    recorded: (await site.api.entries()).map(({ user_id }) => user_id),
  }
}

const signedOut = { landings: ['/sign-in'], stillAtClerk: 0 }

describe('docs/AUTH.md, in the page', () => {
  it('signs out and tells the backend with option 1', async () => {
    assert.deepEqual(await clicked(blockWith('docs/AUTH.md', 'tsx', '<LogoutButton className')), {
      ...signedOut,
      reports: ['DELETE /v1/auth/session?intent=user'],
      recorded: ['user_1'],
    })
  })

  it('does the same with a button of one’s own', async () => {
    assert.deepEqual(await clicked(blockWith('docs/AUTH.md', 'tsx', 'useLogout(')), {
      ...signedOut,
      reports: ['DELETE /v1/auth/session?intent=switch-account'],
      recorded: ['user_1'],
    })
  })

  it('signs out and tells nobody with option 2', async () => {
    assert.deepEqual(await clicked(blockWith('docs/AUTH.md', 'tsx', 'endpoint={false}')), {
      ...signedOut,
      reports: [],
      recorded: [],
    })
  })

  it('needs eight lines for option 2 without the package', async () => {
    const code = blockWith('docs/AUTH.md', 'tsx', 'onClick={() => clerk.signOut(')
    assert.equal(code.slice(code.indexOf('export function')).trimEnd().split('\n').length, 8)
    assert.deepEqual(await clicked(code), { ...signedOut, reports: [], recorded: [] })
  })

  it('needs one line more to tell the backend without the package', async () => {
    assert.deepEqual(await clicked(blockWith('docs/AUTH.md', 'tsx', 'fetch(')), {
      ...signedOut,
      reports: ['DELETE /v1/auth/session'],
      recorded: ['user_1'],
    })
  })
})

describe('docs/AUTH.md, when nobody is signed in', () => {
  it('has a report without the package name nobody', async () => {
    await using signedOut = await openSignedIn()
    const code = blockWith('docs/AUTH.md', 'tsx', 'fetch(')
    const snippet = await bundled<Snippet>(code, RENDERER)
    assert.ok(snippet['LogoutButton'])
    using app = await render(signedOut, snippet.createElement(snippet['LogoutButton']), snippet)
    app.find('button').click()
    await signedOut.site.reported(1)
    assert.deepEqual(await signedOut.site.api.entries(), [])
    assert.partialDeepStrictEqual(
      signedOut.site.api.lines.map((line) => JSON.parse(line) as object),
      [{ event: 'user_logout', record: 'anonymous' }],
    )
  })
})

describe('docs/AUTH.md, in the settings of a Next.js app', () => {
  it('forwards /v1 to the service', async () => {
    const { default: config } = await bundled<{ default: { rewrites: () => Promise<unknown> } }>(
      blockWith('docs/AUTH.md', 'ts', '// next.config.ts'),
    )
    assert.deepEqual(await config.rewrites(), [
      { source: '/v1/:path*', destination: 'http://127.0.0.1:8787/v1/:path*' },
    ])
  })

  it('lets a logout with any token through proxy.ts, and protects the rest', async (t) => {
    for (const [name, value] of [
      ['CLERK_SECRET_KEY', 'sk_test_of_nobody'],
      ['NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY', first.site.publishableKey],
    ] as const) {
      process.env[name] = value
      t.after(() => delete process.env[name])
    }
    const { default: proxy, NextRequest } = await bundled<NextProxy>(
      blockWith('docs/AUTH.md', 'ts', '// proxy.ts'),
      `export { NextRequest } from 'next/server'`,
    )
    const lands = async (method: string, path: string) => {
      const request = new NextRequest(`https://app.example.com${path}`, {
        method,
        headers: { authorization: 'Bearer a.b.c' },
      })
      const { headers } = await proxy(request, {})
      return new URL(headers.get('x-middleware-rewrite') ?? request.url).pathname
    }
    for (const [method, path] of [
      ['GET', '/sign-in'],
      ['GET', '/sign-in/factor-one'],
      ['DELETE', '/v1/auth/session'],
      ['POST', '/v1/webhooks/clerk'],
    ] as const) {
      assert.equal(await lands(method, path), path)
    }
    assert.match(await lands('DELETE', '/v1/other'), /^\/clerk_\d+$/)
  })
})

interface NextProxy {
  default: (request: Request, event: object) => Promise<Response>
  NextRequest: typeof Request
}
