/** The button in a real React tree, under the real ClerkProvider of @clerk/react, with the real clerk-js. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { build } from 'esbuild'
import type { ReactNode } from 'react'
import { openPage, openSignedIn, type SignedIn } from '../test/page.ts'
import type { Renderer } from '../test/render.ts'
import { temporaryFolder } from '../test/service.ts'
import { openSite } from '../test/site.ts'
import { logoutState, type LogoutError } from './logout.ts'
import type * as nextjs from './nextjs.ts'

// React looks for a window when it is imported.
await using first = await openSignedIn()
assert.ok(first.page.window)
const { createElement: h, createRef, Fragment } = await import('react')
const { renderToString } = await import('react-dom/server')
const { Show, useUser } = await import('@clerk/react')
const { render } = await import('../test/render.ts')
const { LogoutButton, useLogout } = await import('./clerk.ts')
const { LogoutButton: BareLogoutButton } = await import('./index.ts')

const DEFAULT = '<button type="button" data-state="idle">Log out</button>'
const FAILED = 'Logging out failed. You may still be signed in: try again.'

/** A signed-in person before this app. */
async function opened(app: ReactNode) {
  const signedIn: SignedIn = await openSignedIn('user_1')
  const rendered = await render(signedIn, app)
  return {
    ...signedIn,
    ...rendered,
    [Symbol.asyncDispose]: async () => {
      rendered[Symbol.dispose]()
      await signedIn[Symbol.asyncDispose]()
    },
  }
}

describe('LogoutButton', () => {
  it('takes the person from the click to the sign-in page, and tells the backend beside that', async () => {
    await using app = await opened(h(LogoutButton))
    assert.equal(app.html(), DEFAULT)
    app.find('button').click()
    await app.until(/data-state="pending"/)
    await app.until(/data-state="idle"/)
    await app.site.reported(1)

    assert.deepEqual(app.page.landings, ['/sign-in'])
    assert.deepEqual(app.site.frontend.sessions, [])
    assert.deepEqual(app.site.reports, ['DELETE /v1/auth/session?intent=user'])
    assert.partialDeepStrictEqual(await app.site.api.entries(), [{ user_id: 'user_1', intent: 'user' }])
  })

  it('calls only signOut() with endpoint={false}', async () => {
    await using app = await opened(h(LogoutButton, { endpoint: false }))
    app.find('button').click()
    await app.until(/pending/)
    await app.until(/idle/)
    assert.deepEqual(app.page.landings, ['/sign-in'])
    assert.deepEqual(app.site.order, ['sign-out'])
  })

  it('is busy and not disabled while Clerk is asked, and keeps the focus', async () => {
    await using app = await opened(h(LogoutButton))
    app.site.frontend.signOuts = 'late'
    const button = app.find('button')
    button.focus()
    button.click()
    await app.until(/pending/)
    assert.equal(
      app.html(),
      '<button type="button" data-state="pending" aria-busy="true">Logging out…</button>',
    )
    assert.equal(app.page.document.activeElement, button)
    await app.site.frontend.asked(/^DELETE/)
    app.site.frontend.release()
    await app.until(/idle/)
    assert.equal(app.page.document.activeElement, button)
  })

  it('logs out once however often it is clicked', async () => {
    await using app = await opened([h(LogoutButton, { key: 'a' }), h(LogoutButton, { key: 'b' })])
    for (const button of app.page.document.querySelectorAll('button')) {
      button.click()
      button.click()
    }
    await app.until(/pending.*pending/)
    await app.until(/idle.*idle/)
    await app.site.reported(1)
    assert.deepEqual(app.site.order.toSorted(), ['report', 'sign-out'])
    assert.deepEqual(app.page.landings, ['/sign-in'])
  })

  it('announces that Clerk failed, beside a button that tries again', async () => {
    const { promise: failed, resolve: onError } = Promise.withResolvers<LogoutError>()
    await using app = await opened(h(LogoutButton, { onError }))
    app.site.frontend.signOuts = 'with 500'
    app.find('button').click()
    await app.until(/alert/)
    const alert = app.find('[role=alert]')
    assert.equal(alert.textContent, FAILED)
    assert.equal(app.find('button').textContent, 'Try again')
    assert.equal(app.find('button').getAttribute('aria-describedby'), alert.id)
    assert.equal((await failed).code, 'sign-out-failed')

    app.site.frontend.signOuts = 'as Clerk does'
    app.find('button').click()
    await app.until(/idle/)
    assert.equal(app.html(), DEFAULT)
    assert.deepEqual(app.page.landings, ['/sign-in'])
  })

  it('is never stuck: it says so after 5 seconds without an answer, and can be pressed again', async (t) => {
    await using app = await opened(h(LogoutButton))
    app.site.frontend.signOuts = 'never'
    t.mock.timers.enable({ apis: ['setTimeout'] })
    app.find('button').click()
    await app.site.frontend.asked(/^DELETE/)
    t.mock.timers.tick(5000)
    t.mock.timers.reset()
    await app.until(/alert/)
    assert.match(app.html(), /There is no answer yet/)

    app.site.frontend.signOuts = 'as Clerk does'
    app.find('button').click()
    await app.until(/idle/)
    assert.deepEqual(app.page.landings, ['/sign-in'])
  })

  it('calls onError once for one failure, however often it was clicked', async () => {
    const errors: LogoutError[] = []
    await using app = await opened(h(LogoutButton, { onError: (error) => errors.push(error) }))
    app.site.frontend.signOuts = 'with 500'
    app.find('button').click()
    app.find('button').click()
    await app.until(/alert/)
    await new Promise(setImmediate)
    assert.equal(errors.length, 1)
  })

  it('is taken away by Clerk’s own components when Clerk fails, and still calls onError', async () => {
    const { promise: failed, resolve: onError } = Promise.withResolvers<LogoutError>()
    const fallback = h('p', null, 'signed out')
    await using app = await opened([
      h('main', { key: 1 }),
      h(Show, { key: 2, when: 'signed-in', fallback }, h(LogoutButton, { onError })),
    ])
    await app.until(/button/)
    app.site.frontend.signOuts = 'with 500'
    app.find('button').click()
    assert.equal((await failed).code, 'sign-out-failed')
    assert.equal(app.html(), '<main></main>')
  })

  it('stays, with its message, for whoever is signed in or logging out', async () => {
    const Header = () => {
      const { isSignedIn } = useUser()
      const { status } = useLogout()
      return isSignedIn || status !== 'idle' ? h(LogoutButton) : null
    }
    await using app = await opened([h('main', { key: 1 }), h(Header, { key: 2 })])
    await app.until(/button/)
    const button = app.find('button')
    app.site.frontend.signOuts = 'with 500'
    button.focus()
    button.click()
    await app.until(/alert/)
    assert.equal(app.page.document.activeElement, button)
    app.site.frontend.signOuts = 'as Clerk does'
    button.click()
    await app.until(/^<main><\/main>$/)
    assert.deepEqual(app.page.landings, ['/sign-in'])
  })

  it('still knows that Clerk failed when Clerk’s own components have hidden it meanwhile', async () => {
    const away = h('p', null, 'away')
    await using app = await opened([
      h(Show, { key: 'in', when: 'signed-in', fallback: away }, h(LogoutButton)),
      h(LogoutButton, { key: 'out', className: 'outside' }),
    ])
    app.site.frontend.signOuts = 'with 500'
    app.find('button').click()
    await app.until(/alert/)
    assert.doesNotMatch(app.html().replace(/<button[^>]*outside.*/, ''), /button/)
    assert.equal(app.find('.outside').textContent, 'Try again')
  })

  it('logs out when it is clicked before Clerk has loaded', async () => {
    await using site = await openSite()
    site.frontend.signIn('user_1')
    using page = await openPage(site)
    using app = await render({ site, page }, h(LogoutButton))
    app.find('button').click()
    await app.until(/pending/)
    await app.until(/idle/)
    assert.deepEqual(page.landings, ['/sign-in'])
    assert.deepEqual(site.frontend.sessions, [])
    await page.settled()
  })
})

describe('LogoutButton, as a button', () => {
  it('has the attributes of a button, a ref, and no style of its own', async () => {
    const ref = createRef<HTMLButtonElement>()
    const attributes = { className: 'mine', id: 'out', title: 'Bye', 'aria-label': 'Log out', ref }
    await using app = await opened(h(LogoutButton, attributes, h('svg')))
    assert.equal(
      app.html(),
      '<button type="button" class="mine" id="out" title="Bye" aria-label="Log out" data-state="idle"><svg></svg></button>',
    )
    assert.equal(ref.current, app.find('button'))
  })

  it('says what its labels say', async () => {
    const labels = { idle: 'Abmelden', pending: 'Moment …', retry: 'Nochmal', failed: 'Ging nicht.' }
    await using app = await opened(h(LogoutButton, { labels }))
    assert.equal(app.find('button').textContent, 'Abmelden')
    app.site.frontend.signOuts = 'with 500'
    app.find('button').click()
    await app.until(/Moment …/)
    await app.until(/alert/)
    assert.equal(app.find('button').textContent, 'Nochmal')
    assert.equal(app.find('[role=alert]').textContent, 'Ging nicht.')
  })

  it('shows no message when its label is empty', async () => {
    await using app = await opened(h(LogoutButton, { labels: { failed: '' } }))
    app.site.frontend.signOuts = 'with 500'
    app.find('button').click()
    await app.until(/data-state="error"/)
    assert.equal(app.html(), '<button type="button" data-state="error">Try again</button>')
  })

  it('calls its onClick first, and stays when that prevents the default', async () => {
    const seen: string[] = []
    const onClick = (event: { preventDefault: () => void }) => {
      seen.push('clicked')
      if (seen.length === 1) event.preventDefault()
    }
    await using app = await opened(h(LogoutButton, { onClick }))
    app.page.fetches.length = 0
    app.find('button').click()
    assert.deepEqual(app.page.fetches, [])
    assert.equal(logoutState(app.page.clerk).status, 'idle')
    app.find('button').click()
    await app.until(/pending/)
    await app.until(/idle/)
    assert.deepEqual(seen, ['clicked', 'clicked'])
    assert.deepEqual(app.page.landings, ['/sign-in'])
  })

  it('logs out although its onClick throws, or never ends', async () => {
    // As an async onClick is, whatever its type says.
    const forever: () => unknown = () => new Promise<void>(() => undefined)
    const failing = () => {
      throw new Error('analytics are down')
    }
    for (const onClick of [forever, failing]) {
      await using app = await opened(h(LogoutButton, { onClick }))
      const errors: string[] = []
      app.page.window.addEventListener('error', (event) => {
        errors.push(event.message)
        event.preventDefault()
      })
      app.find('button').click()
      await app.until(/pending/)
      await app.until(/idle/)
      assert.deepEqual(app.page.landings, ['/sign-in'])
      assert.deepEqual(errors, onClick === failing ? ['analytics are down'] : [])
    }
  })
})

describe('LogoutButton around a child', () => {
  it('makes a button in it the button', async () => {
    const clicks: string[] = []
    const ref = createRef<HTMLButtonElement>()
    const child = h('button', { className: 'child', onClick: () => clicks.push('child') }, 'Sign out')
    await using app = await opened(
      h(LogoutButton, { className: 'mine', ref, onClick: () => clicks.push('own') }, child),
    )
    assert.equal(app.html(), '<button class="mine child" type="button" data-state="idle">Sign out</button>')
    assert.equal(ref.current, app.find('button'))
    app.find('button').click()
    await app.until(/pending/)
    await app.until(/idle/)
    assert.deepEqual(clicks, ['child', 'own'])
    assert.deepEqual(app.page.landings, ['/sign-in'])
  })

  it('makes a component the button when it is told asChild', async () => {
    const Fancy = (props: { variant: string }) => h('button', { ...props, 'data-fancy': true } as object)
    await using app = await opened(
      h(LogoutButton, { asChild: true }, h(Fancy, { variant: 'ghost' }, 'Leave')),
    )
    assert.match(app.html(), /^<button [^>]*data-fancy="true"[^>]*>Leave<\/button>$/)
    app.find('button').click()
    await app.until(/pending/)
    await app.until(/idle/)
    assert.deepEqual(app.page.landings, ['/sign-in'])
  })
})

describe('LogoutButton with asChild', () => {
  it('keeps a link that is the button from leading anywhere', async () => {
    await using app = await opened(
      h(LogoutButton, { asChild: true }, h('a', { href: '/elsewhere' }, 'Leave')),
    )
    const link = app.find('a')
    let prevented = false
    app.page.document.body.addEventListener('click', (event) => (prevented = event.defaultPrevented))
    link.click()
    await app.page.landed()
    assert.equal(prevented, true)
    assert.deepEqual(app.page.landings, ['/sign-in'])
  })

  it('says what it needs when there is not exactly one element in it', () => {
    const { clerk } = first.page
    for (const children of [
      'Leave',
      [h('a', { key: 1 }), h('b', { key: 2 })],
      h(Fragment, null, h('a')),
      undefined,
    ]) {
      assert.throws(() => renderToString(h(BareLogoutButton, { clerk, asChild: true }, children)), {
        name: 'TypeError',
        message: /asChild needs exactly one element/,
      })
    }
  })
})

describe('LogoutButton on a server', () => {
  it('renders as the button that it will be', () => {
    const { clerk } = first.page
    assert.equal(renderToString(h(BareLogoutButton, { clerk })), DEFAULT)
  })
})

describe('logout-trail/react/nextjs', () => {
  it('logs out by the useClerk of @clerk/nextjs', async () => {
    await using signedIn = await openSignedIn('user_1')
    const bundled = await bundleForNext()
    using app = await render(signedIn, bundled.createElement(bundled.LogoutButton), bundled)
    assert.equal(app.html(), DEFAULT)
    app.find('button').click()
    await app.until(/pending/)
    await app.until(/idle/)
    assert.deepEqual(signedIn.page.landings, ['/sign-in'])
    await signedIn.site.reported(1)
    assert.deepEqual(signedIn.site.order.toSorted(), ['report', 'sign-out'])
  })
})

describe('the message beside the button', () => {
  it('is one of its descriptions, beside those that it or its child has', async () => {
    for (const described of [
      h(LogoutButton, { 'aria-describedby': 'hint' }),
      h(LogoutButton, null, h('button', { 'aria-describedby': 'hint' })),
    ]) {
      await using app = await opened(described)
      assert.equal(app.find('button').getAttribute('aria-describedby'), 'hint')
      app.site.frontend.signOuts = 'with 500'
      app.find('button').click()
      await app.until(/alert/)
      assert.equal(app.find('button').getAttribute('aria-describedby'), `hint ${app.find('[role=alert]').id}`)
    }
  })
})

describe('useLogout()', () => {
  it('gives what a button of one’s own needs', async () => {
    const Own = () => {
      const { logout, status, error, reset } = useLogout({ intent: 'switch-account', redirectUrl: '/bye' })
      return [
        h('button', { key: 1, onClick: logout }, status),
        error && h('a', { key: 2, onClick: reset }, error.code),
      ]
    }
    await using app = await opened(h(Own))
    app.site.frontend.signOuts = 'by hanging up'
    app.find('button').click()
    await app.until(/pending/)
    await app.until(/sign-out-failed/)
    app.find('a').click()
    await app.until(/^<button>idle<\/button>$/)

    app.site.frontend.signOuts = 'as Clerk does'
    app.find('button').click()
    await app.until(/pending/)
    await app.until(/idle/)
    assert.deepEqual(app.page.landings, ['/bye'])
    await app.site.reported(2)
    assert.deepEqual(new Set(app.site.reports), new Set(['DELETE /v1/auth/session?intent=switch-account']))
  })
})

/** As a bundler makes it for Next: @clerk/nextjs cannot be imported without one. */
async function bundleForNext(): Promise<Renderer & typeof nextjs> {
  const file = join(temporaryFolder(), 'nextjs.cjs')
  const contents = `
    export { LogoutButton } from './react/nextjs.ts'
    export { ClerkProvider } from '@clerk/react'
    export { createElement } from 'react'
    export { createRoot } from 'react-dom/client'`
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: join(import.meta.dirname, '..') },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    write: false,
  })
  writeFileSync(file, outputFiles[0]?.contents ?? '')
  return createRequire(import.meta.url)(file) as Renderer & typeof nextjs
}
