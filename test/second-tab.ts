/** A second tab of the browser, in a thread of its own. Says what its Clerk knows, each time that it changes. */
import { parentPort, workerData } from 'node:worker_threads'
import { openPage } from './page.ts'
import type { SiteAddress } from './site.ts'

const { clerk, load } = await openPage(workerData as SiteAddress)
await load()
let said: string | undefined
clerk.addListener(({ user }) => {
  if (user === undefined) return
  const now = user ? 'signed in' : 'signed out'
  if (now !== said) parentPort?.postMessage(now)
  said = now
})
