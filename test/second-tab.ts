/**
 * A second tab of the browser, in a thread of its own, with a `LogoutButton` that nobody presses. Says who is signed in and
 * what it has sent (but for reading), each time that the person changes.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { openPage } from './page.ts'
import type { SiteAddress } from './site.ts'

const site = workerData as SiteAddress
const page = await openPage(site)
const { createElement } = await import('react')
const { render } = await import('./render.ts')
const { LogoutButton } = await import('../react/clerk.ts')
await page.load()
await render({ site, page }, createElement(LogoutButton))

let said: string | null | undefined
page.clerk.addListener(({ user }) => {
  const now = user && user.id
  if (now === undefined || now === said) return
  const sent = page.fetches.map(({ asked }) => asked).filter((asked) => /DELETE|remove/.test(asked))
  parentPort?.postMessage({ user: now, sent })
  said = now
})
