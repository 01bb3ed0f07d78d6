/** With the real clerk-js in a page, the real API, and a stand-in for Clerk's Frontend API, all over HTTP. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { before, describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { SignOutAnswer } from '../test/browser-at-clerk.ts'
import { openPage, openSignedIn, type Page } from '../test/page.ts'
import { openSite, type Backend } from '../test/site.ts'
import type { ClerkBrowser, StatusListener } from './clerk-browser.ts'
import { logout, LogoutError, logoutState, onLogoutState, resetLogout } from './logout.ts'

type ClerkIs = SignOutAnswer | 'offline'
type SignOut = (page: Page) => Promise<void>

const signOutAlone: SignOut = async ({ clerk }) => {
  await clerk.signOut({ redirectUrl: '/sign-in', sessionId: clerk.session?.id ?? '' })
}
const withLogout: SignOut = ({ clerk }) => logout({ clerk })

/** All that can be seen of a sign-out, at Clerk and in the page. */
async function whatHappens(signOut: SignOut, clerk: ClerkIs, backend: Backend = 'up') {
  await using opened = await openSignedIn('user_1')
  const { site, page } = opened
  site.backend = backend
  if (clerk === 'offline') page.goOffline()
  else site.frontend.signOuts = clerk
  const seen: string[] = []
  page.clerk.addListener(({ user }) => {
    seen.push(user ? 'signed in' : user === null ? 'signed out' : 'leaving')
  })
  const outcome = signOut(page).then(
    () => 'resolved',
    (error: Error) => ((error.cause ?? error) as Error).message.replace(/127\.0\.0\.1:\d+/, 'clerk'),
  )
  if (clerk === 'never') {
    await site.frontend.asked(/^DELETE/)
    site.frontend.release()
  }
  return {
    outcome: await outcome,
    seen,
    landings: page.landings,
    askedOfClerk: site.frontend.requests,
    stillAtClerk: site.frontend.sessions.length,
  }
}

describe('logout(), beside signOut() alone', () => {
  // What never answers is slower than any slow one.
  const backends: Backend[] = ['up', 'down', 'never', 401, 429, 500, 503]
  const signedOut = {
    outcome: 'resolved',
    seen: ['signed in', 'leaving', 'signed out'],
    landings: ['/sign-in'],
  }
  const stuck = { seen: ['signed in', 'leaving'], landings: [], stillAtClerk: 1 }
  const clerks = {
    'as Clerk does': { ...signedOut, stillAtClerk: 0 },
    'with 500': { ...stuck, outcome: 'The stand-in was told to answer this.' },
    'by hanging up': stuck,
    never: stuck,
    // Clerk's own: the page is signed out, and the session lives on.
    offline: { ...signedOut, stillAtClerk: 1, askedOfClerk: [] },
  }

  for (const [name, known] of Object.entries(clerks)) {
    const clerk = name as ClerkIs
    describe(`when Clerk answers ${clerk}`, () => {
      let alone: Awaited<ReturnType<typeof whatHappens>>
      before(async () => {
        alone = await whatHappens(signOutAlone, clerk)
        assert.partialDeepStrictEqual(alone, known)
      })
      it('signs out, or fails to, exactly as signOut() alone does', async (t) => {
        t.mock.method(console, 'warn', () => undefined)
        for (const backend of backends) {
          assert.deepEqual(await whatHappens(withLogout, clerk, backend), alone, `our API: ${backend}`)
        }
      })
    })
  }
})

describe('logout()', () => {
  it('tells the backend at the click, with the token that is there, and does not wait for it', async (t) => {
    t.mock.method(console, 'warn', () => undefined)
    await using opened = await openSignedIn('user_1')
    const { site, page } = opened
    site.backend = 'never'
    const token = page.clerk.session?.lastActiveToken?.getRawString()
    const signOut = t.mock.method(page.clerk, 'signOut')

    const done = logout({ clerk: page.clerk })
    const [report] = page.fetches
    assert.equal(report?.asked, 'DELETE /v1/auth/session')
    const headers = { Authorization: `Bearer ${token}` }
    assert.deepEqual(report.init, { method: 'DELETE', keepalive: true, headers })
    // Nothing was awaited in between.
    assert.equal(signOut.mock.callCount(), 1)

    await done
    assert.deepEqual(page.landings, ['/sign-in'])
    assert.deepEqual(site.frontend.sessions, [])
  })

  it('is recorded by the real API as one durable entry', async () => {
    await using opened = await openSignedIn('user_1')
    const { site, page } = opened
    const sessionId = page.clerk.session?.id
    await logout({ clerk: page.clerk, intent: 'security' })
    await site.reported(1)
    assert.partialDeepStrictEqual(await site.api.entries(), [
      { kind: 'logout.requested', user_id: 'user_1', session_id: sessionId, intent: 'security' },
    ])
  })

  it('tells nobody with endpoint false, and signs out', async () => {
    await using opened = await openSignedIn('user_1')
    const { site, page } = opened
    await logout({ clerk: page.clerk, endpoint: false })
    assert.deepEqual(page.landings, ['/sign-in'])
    assert.deepEqual(site.order, ['sign-out'])
    assert.equal(page.fetches.length, 1)
  })

  it('tells the endpoint that it is given, beside the query that is there', async () => {
    await using opened = await openSignedIn('user_1')
    const { page } = opened
    await logout({ clerk: page.clerk, endpoint: '/api/bye?from=menu', intent: 'idle' })
    assert.equal(page.fetches[0]?.asked, 'DELETE /api/bye?from=menu&intent=idle')
  })

  it('warns and signs out when the backend cannot be told', async (t) => {
    const warned = t.mock.method(console, 'warn', () => undefined)
    for (const endpoint of ['http://', 'http://127.0.0.1:1/v1/auth/session']) {
      await using opened = await openSignedIn('user_1')
      await logout({ clerk: opened.page.clerk, endpoint })
      assert.deepEqual(opened.page.landings, ['/sign-in'])
    }
    assert.equal(warned.mock.callCount(), 2)
  })

  it('signs out when fetch itself throws', async (t) => {
    const warned = t.mock.method(console, 'warn', () => undefined)
    await using opened = await openSignedIn('user_1')
    const { page } = opened
    const real = globalThis.fetch
    t.mock.method(globalThis, 'fetch', (...call: Parameters<typeof fetch>) => {
      if (call[1]?.keepalive) throw new Error('patched by somebody')
      return real(...call)
    })
    await logout({ clerk: page.clerk })
    assert.deepEqual(page.landings, ['/sign-in'])
    assert.equal(warned.mock.callCount(), 1)
  })

  it('lands where it is told', async () => {
    await using opened = await openSignedIn('user_1')
    await logout({ clerk: opened.page.clerk, redirectUrl: '/goodbye' })
    assert.deepEqual(opened.page.landings, ['/goodbye'])
  })

  it('joins a logout that is on its way: one report, one sign-out', async () => {
    await using opened = await openSignedIn('user_1')
    const { site, page } = opened
    await Promise.all([logout({ clerk: page.clerk }), logout({ clerk: page.clerk })])
    await site.reported(1)
    assert.deepEqual(site.order.toSorted(), ['report', 'sign-out'])
    assert.deepEqual(page.landings, ['/sign-in'])
  })

  it('tells nobody of a person who is signed out already, who lands all the same', async () => {
    await using site = await openSite()
    using page = await openPage(site)
    await page.load()
    page.fetches.length = 0
    await logout({ clerk: page.clerk })
    assert.deepEqual(page.fetches, [])
    assert.deepEqual(page.landings, ['/sign-in'])
  })

  it('lands on Clerk’s own sign-in page with the way back to the app', async (t) => {
    await using site = await openSite()
    site.frontend.signIn('user_1')
    using page = await openPage(site)
    await page.load('https://accounts.example.com/sign-in')
    const signOut = t.mock.method(page.clerk, 'signOut', () => Promise.resolve())
    await logout({ clerk: page.clerk, endpoint: false })
    const wayBack = encodeURIComponent(`${site.origin}/settings`)
    assert.deepEqual(signOut.mock.calls[0]?.arguments, [
      {
        sessionId: page.clerk.session?.id,
        redirectUrl: `https://accounts.example.com/sign-in#/?redirect_url=${wayBack}`,
      },
    ])
  })

  it('signs out although the sign-in URL is no address', async (t) => {
    const warned = t.mock.method(console, 'warn', () => undefined)
    await using site = await openSite()
    site.frontend.signIn('user_1')
    using page = await openPage(site)
    await page.load('http://')
    await logout({ clerk: page.clerk, endpoint: false })
    assert.deepEqual(site.frontend.sessions, [])
    assert.deepEqual(page.landings, ['/'])
    assert.equal(warned.mock.callCount(), 1)
  })

  it('warns of an empty endpoint, and signs out', async (t) => {
    const warned = t.mock.method(console, 'warn', () => undefined)
    await using opened = await openSignedIn('user_1')
    await logout({ clerk: opened.page.clerk, endpoint: '' })
    assert.deepEqual(opened.page.landings, ['/sign-in'])
    assert.match(String(warned.mock.calls[0]?.arguments[1]), /endpoint is empty/)
  })
})

describe('logout() before Clerk has loaded', () => {
  it('tells the backend with the token of the cookie, and signs out when Clerk is there', async () => {
    await using site = await openSite()
    const sessionId = site.frontend.signIn('user_1')
    using page = await openPage(site)
    page.document.cookie = `__session=${site.frontend.tokenOf(sessionId)}; path=/`

    const done = logout({ clerk: page.clerk })
    await site.reported(1)
    assert.deepEqual(site.order, ['report'])
    await page.load()
    await done

    assert.deepEqual(page.landings, ['/sign-in'])
    assert.deepEqual(site.frontend.sessions, [])
    assert.partialDeepStrictEqual(await site.api.entries(), [{ user_id: 'user_1', session_id: sessionId }])
  })

  it('tells the backend of the other accounts too with scope browser, before Clerk ends them', async () => {
    await using site = await openSite()
    const first = site.frontend.signIn('user_1')
    const second = site.frontend.signIn('user_2')
    using page = await openPage(site)
    page.document.cookie = `__session=${site.frontend.tokenOf(second)}; path=/`

    const done = logout({ clerk: page.clerk, scope: 'browser' })
    await site.reported(1)
    await page.load()
    await done
    await site.reported(2)

    assert.deepEqual(site.frontend.sessions, [])
    const asked = page.fetches.map(({ asked }) => asked)
    assert.ok(
      asked.lastIndexOf('DELETE /v1/auth/session') <
        asked.findIndex((it) => it.includes('DELETE') && it.includes('/client/sessions')),
      asked.join('\n'),
    )
    assert.deepEqual(
      (await site.api.entries()).map(({ session_id }) => session_id),
      [second, first],
    )
  })

  it('keeps the token of the cookie from other origins', async (t) => {
    t.mock.method(console, 'warn', () => undefined)
    await using site = await openSite()
    const sessionId = site.frontend.signIn('user_1')
    using page = await openPage(site)
    page.document.cookie = `__session=${site.frontend.tokenOf(sessionId)}; path=/`
    const done = logout({ clerk: page.clerk, endpoint: 'http://127.0.0.1:1/v1/auth/session' })
    assert.deepEqual(page.fetches[0]?.init.headers, {})
    await page.load()
    await done
  })
})

/** A Clerk that has not loaded. */
class UnloadedClerk implements ClerkBrowser {
  loaded = false
  called: string[] = []
  listeners = new Set<StatusListener>()
  buildSignInUrl = () => undefined
  signOut = async () => void this.called.push('signOut')
  setActive = async () => void this.called.push('setActive')
  on = (_: 'status', listener: StatusListener) => void this.listeners.add(listener)
  off = (_: 'status', listener: StatusListener) => void this.listeners.delete(listener)
}

describe('logout() when Clerk does not load', () => {
  it('throws sign-out-failed when Clerk says so', async () => {
    const clerk = new UnloadedClerk()
    const failed = assert.rejects(logout({ clerk, endpoint: false }), (error) => {
      assert.ok(error instanceof LogoutError && error.cause instanceof Error)
      assert.equal(error.code, 'sign-out-failed')
      assert.equal(error.cause.message, 'Clerk did not load.')
      return true
    })
    for (const listener of clerk.listeners) listener('loading')
    assert.equal(logoutState(clerk).status, 'pending')
    for (const listener of clerk.listeners) listener('error')
    await failed
    assert.equal(clerk.listeners.size, 0)
    assert.deepEqual(clerk.called, [])
  })

  it('asks a Clerk at once that does not say when it has loaded', async () => {
    const { buildSignInUrl, called, loaded, signOut, setActive } = new UnloadedClerk()
    await logout({ clerk: { buildSignInUrl, loaded, signOut, setActive }, endpoint: false, scope: 'browser' })
    assert.deepEqual(called, ['signOut'])
  })
})

describe('logout() of several accounts in one browser', () => {
  it('leaves the others alone when it is pressed again', async () => {
    await using opened = await openSignedIn('user_1', 'user_2')
    const { site, page } = opened
    const [first] = site.frontend.sessions
    await logout({ clerk: page.clerk })
    await logout({ clerk: page.clerk })
    assert.deepEqual(site.frontend.sessions, [first])
    assert.deepEqual(page.landings, ['/sign-in', '/sign-in'])
    await page.settled()
    assert.deepEqual(
      (await site.api.entries()).map(({ user_id }) => user_id),
      ['user_2'],
    )
  })

  it('ends the one in use, and reports that one', async () => {
    await using opened = await openSignedIn('user_1', 'user_2')
    const { site, page } = opened
    const [first, second] = site.frontend.sessions
    await logout({ clerk: page.clerk })
    await site.reported(1)

    assert.deepEqual(page.landings, ['/sign-in'])
    assert.deepEqual(site.frontend.requests, [`POST /v1/client/sessions/${second}/remove`])
    assert.deepEqual(site.frontend.sessions, [first])
    assert.deepEqual(
      (await site.api.entries()).map(({ user_id }) => user_id),
      ['user_2'],
    )
  })

  it('ends all with scope browser, and reports each with its own token', async () => {
    await using opened = await openSignedIn('user_1', 'user_2')
    const { site, page } = opened
    const [first, second] = site.frontend.sessions
    await logout({ clerk: page.clerk, scope: 'browser' })
    await site.reported(2)

    assert.deepEqual(page.landings, ['/sign-in'])
    assert.deepEqual(site.frontend.requests, ['DELETE /v1/client/sessions'])
    const recorded = (await site.api.entries()).map(
      ({ session_id, user_id }) => `${session_id} of ${user_id}`,
    )
    assert.deepEqual(new Set(recorded), new Set([`${first} of user_1`, `${second} of user_2`]))
  })

  it('ends the one in use after somebody else’s sign-out of it failed', async () => {
    await using opened = await openSignedIn('user_1', 'user_2')
    const { site, page } = opened
    const { clerk } = page
    const [first = ''] = site.frontend.sessions
    await logout({ clerk })
    await clerk.setActive({ session: first })
    site.frontend.signOuts = 'with 500'
    // As Clerk's UserButton would.
    await assert.rejects(clerk.signOut({ sessionId: first }))
    assert.equal(clerk.session, undefined)

    site.frontend.signOuts = 'as Clerk does'
    await logout({ clerk })
    assert.deepEqual(site.frontend.sessions, [])
    assert.deepEqual(page.landings.slice(-1), ['/sign-in'])
  })

  it('ends the same one when it is tried again, and lands', async () => {
    await using opened = await openSignedIn('user_1', 'user_2')
    const { site, page } = opened
    const [first = '', second = ''] = site.frontend.sessions
    await page.clerk.setActive({ session: first })
    site.frontend.use(second)
    site.frontend.signOuts = 'with 500'
    await assert.rejects(logout({ clerk: page.clerk }), { code: 'sign-out-failed' })
    assert.equal(page.clerk.session, undefined)

    site.frontend.signOuts = 'as Clerk does'
    page.landings.length = 0
    await logout({ clerk: page.clerk })
    assert.deepEqual(site.frontend.sessions, [second])
    assert.deepEqual(page.landings, ['/sign-in'])
    assert.equal(page.clerk.session, null)
  })
})

describe('logout() when Clerk fails', () => {
  it('throws sign-out-failed with Clerk’s error as its cause, and signs out when it is tried again', async () => {
    await using opened = await openSignedIn('user_1')
    const { site, page } = opened
    const { clerk } = page
    site.frontend.signOuts = 'with 500'
    await assert.rejects(logout({ clerk }), (error) => {
      assert.ok(error instanceof LogoutError)
      assert.equal(error.code, 'sign-out-failed')
      assert.equal((error.cause as Error).message, 'The stand-in was told to answer this.')
      assert.deepEqual(logoutState(clerk), { status: 'error', error })
      return true
    })

    site.frontend.signOuts = 'as Clerk does'
    await logout({ clerk })
    assert.deepEqual(page.landings, ['/sign-in'])
    assert.deepEqual(logoutState(clerk), { status: 'idle', error: null })
    await site.reported(2)
    assert.equal((await site.api.entries()).length, 1)
  })

  it('throws no-answer after 5 seconds, and can be tried again', async (t) => {
    await using opened = await openSignedIn('user_1')
    const { site, page } = opened
    const { clerk } = page
    site.frontend.signOuts = 'never'
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const silent = assert.rejects(logout({ clerk }), { name: 'LogoutError', code: 'no-answer' })
    await site.frontend.asked(/^DELETE/)
    t.mock.timers.tick(4999)
    assert.equal(logoutState(clerk).status, 'pending')
    t.mock.timers.tick(1)
    await silent
    t.mock.timers.reset()

    site.frontend.signOuts = 'as Clerk does'
    await logout({ clerk })
    assert.deepEqual(page.landings, ['/sign-in'])
    assert.deepEqual(logoutState(clerk), { status: 'idle', error: null })
  })

  it('is over when Clerk answers late after all', async (t) => {
    await using opened = await openSignedIn('user_1')
    const { site, page } = opened
    const { clerk } = page
    site.frontend.signOuts = 'late'
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const silent = assert.rejects(logout({ clerk }), { code: 'no-answer' })
    await site.frontend.asked(/^DELETE/)
    t.mock.timers.tick(5000)
    await silent
    t.mock.timers.reset()

    const changed = new Promise<void>((resolve) => onLogoutState(clerk, resolve))
    site.frontend.release()
    await changed
    assert.deepEqual(logoutState(clerk), { status: 'idle', error: null })
    assert.deepEqual(page.landings, ['/sign-in'])
  })

  it('says nothing of 5 seconds when Clerk has answered', async (t) => {
    const clerk = new UnloadedClerk()
    clerk.loaded = true
    t.mock.timers.enable({ apis: ['setTimeout'] })
    await logout({ clerk, endpoint: false })
    t.mock.timers.tick(5000)
    assert.deepEqual(logoutState(clerk), { status: 'idle', error: null })
  })

  it('does not let an old answer speak for a new try', async (t) => {
    await using opened = await openSignedIn('user_1')
    const { site, page } = opened
    const { clerk } = page
    const answers: { fail: (error: Error) => void }[] = []
    t.mock.method(clerk, 'signOut', () => new Promise<void>((_, fail) => answers.push({ fail })))
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const old = assert.rejects(logout({ clerk }), { code: 'no-answer' })
    t.mock.timers.tick(5000)
    await old
    const again = assert.rejects(logout({ clerk }), { code: 'sign-out-failed' })
    answers[0]?.fail(new Error('of the old one'))
    await new Promise(setImmediate)
    assert.equal(logoutState(clerk).status, 'pending')
    answers[1]?.fail(new Error('of the new one'))
    await again
    t.mock.timers.reset()
    assert.deepEqual(logoutState(clerk).error?.cause, new Error('of the new one'))
    await site.reported(2)
  })

  it('forgets the error when it is reset', async () => {
    await using opened = await openSignedIn('user_1')
    const { site, page } = opened
    site.frontend.signOuts = 'with 500'
    await assert.rejects(logout({ clerk: page.clerk }))
    resetLogout(page.clerk)
    assert.deepEqual(logoutState(page.clerk), { status: 'idle', error: null })
  })
})

describe('logout() in one of two tabs', () => {
  it('signs the other tab out, which reports nothing of its own', async () => {
    await using opened = await openSignedIn('user_1')
    const { site, page } = opened
    const { origin, clerkUrl, publishableKey } = site
    const tab = new Worker(new URL('../test/second-tab.ts', import.meta.url), {
      workerData: { origin, clerkUrl, publishableKey },
    })
    assert.deepEqual(await once(tab, 'message'), [{ user: 'user_1', sent: [] }])
    await logout({ clerk: page.clerk })
    assert.deepEqual(await once(tab, 'message'), [{ user: null, sent: [] }])
    await page.settled()

    assert.deepEqual(site.order.toSorted(), ['report', 'sign-out'])
    assert.equal((await site.api.entries()).length, 1)
    await tab.terminate()
  })
})
