/**
 * Rung 1 runs wherever `Request` and `Response` do: bundled for a browser it needs no module of Node, it runs in a
 * realm that has none of Node's globals, and it is small. So is the front end.
 */
import assert from 'node:assert/strict'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions } from 'esbuild'
import type * as main from '../index.ts'
import { testClerk, TOKEN_TIME } from './clerk-instance.ts'

/** Bytes, minified and compressed with gzip. Measured 7372, 15551 and 7397; a third more is a question to ask. */
const ceilings = { 'index.ts': 9_600, 'hono.ts': 20_200, 'next.ts': 9_600 }

const repository = join(import.meta.dirname, '..')

async function bundle(options: BuildOptions) {
  const { metafile, outputFiles } = await build({
    ...options,
    absWorkingDir: repository,
    platform: 'browser',
    bundle: true,
    write: false,
    metafile: true,
    outdir: 'nowhere',
    logLevel: 'silent',
  })
  const [output] = outputFiles
  assert.ok(output)
  return { metafile, output }
}

describe('rung 1', () => {
  for (const [entry, ceiling] of Object.entries(ceilings)) {
    it(`needs no module of Node (${entry})`, async () => {
      const { metafile } = await bundle({ entryPoints: [entry], format: 'esm' })
      const inputs = Object.entries(metafile.inputs)
      const imports = inputs.flatMap(([, { imports }]) => imports.map(({ path }) => path))
      // esbuild shows a module that a package leaves out for browsers as "(disabled):fs".
      const needed = [...inputs.map(([path]) => path.replace(/^\(disabled\):/, '')), ...imports]
      assert.deepEqual(needed.filter(isBuiltin), [])
      assert.deepEqual(
        inputs.flatMap(([, { imports }]) => imports.filter(({ external }) => external)),
        [],
      )
    })

    it(`is small (${entry})`, async () => {
      const { output } = await bundle({ entryPoints: [entry], format: 'esm', minify: true })
      const bytes = gzipSync(output.contents).length
      assert.ok(bytes <= ceiling, `${bytes} bytes of at most ${ceiling}`)
      assert.ok(bytes > ceiling / 2, `${bytes} bytes: lower the ceiling of ${ceiling}`)
    })
  }

  it('verifies and answers where there are only the globals of the web', async () => {
    const { output } = await bundle({ entryPoints: ['index.ts'], format: 'iife', globalName: 'rung1' })
    const realm = createContext({ ...webGlobals })
    runInContext(output.text, realm)
    const { createLogout } = runInContext('rung1', realm) as typeof main
    const clerk = testClerk()
    const lines: object[] = []
    const logout = createLogout({
      issuer: clerk.issuer,
      jwtKey: clerk.publicPem,
      now: () => TOKEN_TIME,
      log: (line) => lines.push(line),
    })
    const response = await logout(
      new Request('https://app.example.com/v1/auth/session', {
        method: 'DELETE',
        headers: { authorization: `Bearer ${clerk.token()}` },
      }),
    )
    assert.equal(response.headers.get('logout-record'), 'logged')
    assert.equal(await response.text(), '{"success":true,"message":"Logged out successfully"}')
    assert.equal(lines.length, 1)
    assert.equal(
      runInContext('typeof process + typeof Buffer + typeof setImmediate', realm),
      'undefined'.repeat(3),
    )
  })
})

describe('the front end', () => {
  const entries = ['react/index.ts', 'react/nextjs.ts', 'react/clerk.ts']
  const external = ['react', '@clerk/*']

  for (const entry of entries) {
    it(`is under 4 kB and has nothing of the service in it (${entry})`, async () => {
      const { metafile, output } = await bundle({
        entryPoints: [entry],
        format: 'esm',
        minify: true,
        external,
      })
      const bytes = gzipSync(output.contents).length
      assert.ok(bytes < 4000, `${bytes} bytes`)
      assert.ok(bytes > 2000, `${bytes} bytes: lower the ceiling`)
      const others = Object.keys(metafile.inputs).filter((path) => !path.startsWith('react/'))
      assert.deepEqual(others, [])
    })
  }
})

describe('this test', () => {
  it('would see a module of Node', async () => {
    const stdin = { contents: "import 'node:fs'", resolveDir: repository }
    await assert.rejects(bundle({ stdin, format: 'esm' }), /Could not resolve "node:fs"/)
  })
})

/** What browsers, workers and edge runtimes have beside the language (WinterTC's minimum common API), as far as used. */
const webGlobals = {
  AbortSignal,
  atob,
  console,
  crypto,
  DOMException,
  fetch,
  Headers,
  performance,
  Request,
  Response,
  setTimeout,
  TextDecoder,
  TextEncoder,
  // Of the language, but every realm has its own, and what `crypto` and `TextEncoder` give are of this one.
  Uint8Array,
  URL,
  URLSearchParams,
}
