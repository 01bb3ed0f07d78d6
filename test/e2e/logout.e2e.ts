/** Signing in and logging out in the example app, with a real browser. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { until } from '../clerk-service.ts'
import { median } from '../../bench/statistics.ts'
import { takePictures } from './chromium.ts'
import { atSignIn, openWorld, ORIGIN, people, signIn, type Door, type EndToEnd } from './world.ts'

let world: EndToEnd

before(
  async () => {
    world = await openWorld()
    for (const person of people) world.standIn.world.addUser({ ...person, email: `${person.id}@example.com` })
  },
  // It builds the app, when that is missing.
  { timeout: 300_000 },
)
after(() => world?.[Symbol.asyncDispose]())
beforeEach(() => {
  world.door = 'open'
  world.standIn.faults.clear()
  world.standIn.faults.release()
  world.reports.length = 0
  world.standIn.requests.length = 0
})

const logOut = (page: Page) => page.getByRole('button', { name: 'Log out', exact: true })
const isOver = (session: string) => world.standIn.world.session(session)?.status === 'removed'
const signOuts = () => world.standIn.requests.filter((asked) => /^(DELETE|POST .*remove$)/.test(asked))
const untilRecordSays = (session: string, sentence: string) =>
  until(async () => (await world.sentenceOf(session)) === sentence)
const DELETE = 'DELETE /v1/auth/session?intent=user'

describe('a person in the example app', () => {
  it('is sent to the sign-in page, and signs in', async () => {
    await using person = await world.open()
    await person.page.goto(ORIGIN)
    await atSignIn(person.page)
    await takePictures(person.page, 'sign-in')
    await signIn(person.page, 'Ada Lovelace')
    await takePictures(person.page, 'signed-in')
  })

  it('logs out: lands on the sign-in page, the session is over, and the logout is in the trail', async () => {
    await using person = await world.open()
    const session = await signIn(person.page, 'Ada Lovelace')

    await logOut(person.page).click()

    await atSignIn(person.page)
    assert.ok(isOver(session))
    await until(() => Promise.resolve(world.recorded().includes(session)))
    assert.deepEqual(world.reports, [DELETE])
    const line = await world.service.line(new RegExp(`"record":"durable".*${session}`))
    assert.match(line, /"event":"user_logout".*"user_id":"user_ada"/)
    await untilRecordSays(session, 'Signed out by the user; confirmed by Clerk.')
  })

  it('sees nothing protected with the back button', async () => {
    await using person = await world.open()
    await signIn(person.page, 'Ada Lovelace')
    await logOut(person.page).click()
    await atSignIn(person.page)

    await person.page.goBack()

    await atSignIn(person.page)
    assert.equal(await person.page.getByText('You are signed in').count(), 0)
  })

  it('who has two tabs is logged out of both, with one report', async () => {
    await using person = await world.open()
    await signIn(person.page, 'Ada Lovelace')
    const other = await person.context.newPage()
    await other.goto(ORIGIN)
    await logOut(other).waitFor()

    await logOut(person.page).click()

    await atSignIn(person.page)
    await atSignIn(other)
    await until(() => Promise.resolve(world.reports.length > 0))
    assert.deepEqual(world.reports, [DELETE])
    assert.equal(signOuts().length, 1)
  })

  it('who clicks twice signs out once, with one report', async () => {
    await using person = await world.open()
    await signIn(person.page, 'Ada Lovelace')
    await logOut(person.page).dblclick()
    await atSignIn(person.page)
    assert.equal(signOuts().length, 1)
    await until(() => Promise.resolve(world.reports.length > 0))
    assert.deepEqual(world.reports, [DELETE])
  })

  it('logs out with the keyboard alone', async () => {
    await using person = await world.open()
    const session = await signIn(person.page, 'Ada Lovelace')
    for (let pressed = 0; pressed < 20; pressed += 1) {
      await person.page.keyboard.press('Tab')
      if (await logOut(person.page).evaluate((button) => button === document.activeElement)) break
    }
    await takePictures(person.page, 'focus')
    await person.page.keyboard.press('Enter')
    await atSignIn(person.page)
    assert.ok(isOver(session))
  })

  it('with several accounts logs out of the one in use, then of all', async () => {
    await using person = await world.open()
    const ada = await signIn(person.page, 'Ada Lovelace')
    await person.page.getByRole('link', { name: 'Sign in as another person' }).click()
    await atSignIn(person.page)
    const grace = await signIn(person.page, 'Grace Hopper')
    await person.page.getByRole('link', { name: 'Sign in as another person' }).click()
    await atSignIn(person.page)
    const alan = await signIn(person.page, 'Alan Turing')
    await takePictures(person.page, 'accounts')

    await logOut(person.page).click()
    await atSignIn(person.page)
    assert.ok(isOver(alan))
    assert.deepEqual([ada, grace].map(isOver), [false, false])

    await person.page.goto(ORIGIN)
    await person.page.getByRole('button', { name: 'Log out of all' }).click()
    await atSignIn(person.page)
    assert.deepEqual([ada, grace, alan].map(isOver), [true, true, true])
    await until(() => Promise.resolve([ada, grace, alan].every((id) => world.recorded().includes(id))))
    assert.equal(world.reports.length, 3)
  })

  it('who signs out without our button is signed out, and nobody reports it', async () => {
    await using person = await world.open()
    const session = await signIn(person.page, 'Ada Lovelace')
    await person.page.evaluate(() =>
      (window as unknown as WithClerk).Clerk.signOut({ redirectUrl: '/sign-in' }),
    )
    await atSignIn(person.page)
    assert.ok(isOver(session))
    assert.deepEqual(world.reports, [])
    await untilRecordSays(session, 'Signed out; our button did not report it; confirmed by Clerk.')
    assert.ok(!world.recorded().includes(session))
  })

  it('with option 2 is signed out by Clerk alone', async () => {
    await using person = await world.open()
    const session = await signIn(person.page, 'Ada Lovelace')
    await person.page.getByRole('link', { name: 'Not at all' }).click()
    await person.page.getByText('only Clerk knows').waitFor()
    await takePictures(person.page, 'option-2')
    await logOut(person.page).click()
    await atSignIn(person.page)
    assert.ok(isOver(session))
    assert.deepEqual(world.reports, [])
  })

  it('with rung 1 is logged by a route of the app itself', async () => {
    await using person = await world.open()
    const session = await signIn(person.page, 'Ada Lovelace')
    await person.page.getByRole('link', { name: 'A route of this app' }).click()
    await person.page.getByText('"record":"logged"').waitFor()
    await logOut(person.page).click()
    await atSignIn(person.page)
    assert.ok(isOver(session))
    const line = () => world.appLines.find((line) => line.includes(session))
    await until(() => Promise.resolve(line() !== undefined))
    assert.match(line() ?? '', /"event":"user_logout".*"record":"logged"/)
    assert.deepEqual(world.reports, [])
  })
})

interface WithClerk {
  Clerk: { signOut: (options: { redirectUrl: string }) => Promise<void> }
}

describe('a person whose backend is not well', () => {
  const doors: Door[] = ['shut', 'slow', 'never', 500, 503]
  for (const door of doors) {
    it(`logs out all the same when it is ${door}`, async () => {
      await using person = await world.open()
      const session = await signIn(person.page, 'Ada Lovelace')
      world.door = door
      await logOut(person.page).click()
      await atSignIn(person.page)
      assert.ok(isOver(session))
      await until(() => Promise.resolve(world.reports.length > 0))
      if (door === 'slow') await until(() => Promise.resolve(world.recorded().includes(session)))
    })
  }
})

describe('a person whose Clerk is not well', () => {
  const SIGN_OUT = '^DELETE /v1/client/sessions$'

  it('is told when it answers 500, is still signed in, and can try again', async () => {
    await using person = await world.open()
    const session = await signIn(person.page, 'Ada Lovelace')
    world.standIn.faults.set({ group: 'frontend', trouble: 500, matching: SIGN_OUT, times: 1 })
    await logOut(person.page).click()
    await person.page.getByRole('alert').filter({ hasText: 'Logging out failed' }).waitFor()
    await takePictures(person.page, 'clerk-500')
    assert.ok(!isOver(session))
    await person.page.getByRole('button', { name: 'Try again' }).click()
    await atSignIn(person.page)
    assert.ok(isOver(session))
  })

  it('is told when it never answers', async () => {
    await using person = await world.open()
    const session = await signIn(person.page, 'Ada Lovelace')
    world.standIn.faults.set({ group: 'frontend', trouble: 'hang', matching: SIGN_OUT })
    await logOut(person.page).click()
    await person.page.getByRole('alert').filter({ hasText: 'no answer yet' }).waitFor()
    await takePictures(person.page, 'clerk-never')
    assert.ok(!isOver(session))
  })

  it('who is offline is told that there is no answer, and logs out once the network is back', async () => {
    await using person = await world.open()
    const session = await signIn(person.page, 'Ada Lovelace')
    await person.context.setOffline(true)
    await logOut(person.page).click()
    await person.page.getByRole('alert').filter({ hasText: 'no answer yet' }).waitFor()
    await takePictures(person.page, 'offline')
    assert.ok(!isOver(session))
    assert.deepEqual(world.reports, [])

    await person.context.setOffline(false)
    await person.page.getByRole('button', { name: 'Try again' }).click()
    await atSignIn(person.page)
    assert.ok(isOver(session))
    await until(() => Promise.resolve(world.recorded().includes(session)))
  })
})

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

describe('the pages', () => {
  it('have nothing that axe finds, light and dark, also on a small phone', async () => {
    await using person = await world.open()
    const { page } = person
    await page.goto(ORIGIN)
    await atSignIn(page)
    const found = [...(await findings(page, 'sign-in'))]
    await signIn(page, 'Ada Lovelace')
    found.push(...(await findings(page, 'signed in')))
    world.standIn.faults.set({ group: 'frontend', trouble: 500, matching: '^DELETE', times: 1 })
    await logOut(page).click()
    await page.getByRole('alert').filter({ hasText: 'Logging out failed' }).waitFor()
    found.push(...(await findings(page, 'after an error')))
    assert.deepEqual(found, [])
  })
})

async function findings(page: Page, state: string): Promise<string[]> {
  const found: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1100, 360]) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      await page.evaluate(axe)
      const violations = await page.evaluate(async () => {
        const { violations } = await (window as unknown as WithAxe).axe.run()
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
      })
      found.push(...violations.map((violation) => `${state}, ${colorScheme}, ${width}: ${violation}`))
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (sideways > 0) found.push(`${state}, ${width}: ${sideways} px wider than the screen`)
    }
  }
  return found
}

interface WithAxe {
  axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
}

describe('the time from the click to the sign-in page', () => {
  const ROUNDS = 15

  it(
    'is within a tenth of that of signOut() alone, whether the backend is up, down or slow',
    {
      timeout: 180_000,
    },
    async (t) => {
      await using person = await world.open()
      const ways: Record<string, { door: Door; alone: boolean; ms: number[] }> = {
        'signOut() alone': { door: 'open', alone: true, ms: [] },
        'API up': { door: 'open', alone: false, ms: [] },
        'API down': { door: 'shut', alone: false, ms: [] },
        'API slow': { door: 'slow', alone: false, ms: [] },
      }
      // As far away as Clerk is. The page is seen frame by frame, every 17 ms: a tenth has to be more than one frame.
      world.standIn.faults.set({ group: 'frontend', trouble: 'slow', delayMs: 200, matching: '^DELETE ' })
      // The first round warms up.
      for (let round = 0; round <= ROUNDS; round += 1) {
        for (const way of Object.values(ways)) {
          world.door = way.door
          await person.page.goto(ORIGIN)
          await signIn(person.page, 'Ada Lovelace')
          const ms = await untilLanded(person.page, way.alone)
          if (round > 0) way.ms.push(ms)
        }
      }
      const alone = median(ways['signOut() alone']?.ms ?? [])
      const ratios = Object.entries(ways).map(([name, { ms }]) => ({ name, ms, ratio: median(ms) / alone }))
      for (const { name, ms, ratio } of ratios) {
        const [least, most] = [Math.min(...ms), Math.max(...ms)].map((ms) => ms.toFixed(0))
        t.diagnostic(
          `${name}: ${median(ms).toFixed(0)} ms (${least} to ${most}, ${ms.length} rounds), × ${ratio.toFixed(3)}`,
        )
      }
      assert.deepEqual(
        ratios.filter(({ ratio }) => ratio > 1.1).map(({ name }) => name),
        [],
      )
    },
  )
})

/** ms on the clock of the page, from the click to the heading of the sign-in page. */
function untilLanded(page: Page, alone: boolean): Promise<number> {
  return page.evaluate(async (alone) => {
    const button = [...document.querySelectorAll('button')].find(
      ({ textContent }) => textContent === 'Log out',
    )
    const startedAt = performance.now()
    if (alone) await (window as unknown as WithClerk).Clerk.signOut({ redirectUrl: '/sign-in' })
    else button?.click()
    while (document.querySelector('h1')?.textContent !== 'Sign in') {
      await new Promise((resolve) => requestAnimationFrame(resolve))
    }
    return performance.now() - startedAt
  }, alone)
}
