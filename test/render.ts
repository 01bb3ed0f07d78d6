/** React in a page of `page.ts`: an app under Clerk's own provider. Imported once there is a page. */
import { ClerkProvider } from '@clerk/react'
import { createElement, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import type { Page } from './page.ts'
import type { SiteAddress } from './site.ts'

/** What renders: the modules of this process, or of a bundle. */
export interface Renderer {
  ClerkProvider: typeof ClerkProvider
  createElement: typeof createElement
  createRoot: typeof createRoot
}

export interface Rendered extends Disposable {
  /** The first that matches. */
  find: (selector: string) => HTMLElement
  /** All the HTML of the app. */
  html: () => string
  /** Waits until the app's HTML matches. */
  until: (html: RegExp) => Promise<void>
}

const ours: Renderer = { ClerkProvider, createElement, createRoot }

/** Renders, and waits until there is something to see. */
export async function render(
  { site, page }: { site: SiteAddress; page: Page },
  app: ReactNode,
  renderer = ours,
): Promise<Rendered> {
  const container = page.document.createElement('div')
  page.document.body.append(container)
  const root = renderer.createRoot(container)
  const options = {
    publishableKey: site.publishableKey,
    proxyUrl: site.clerkUrl,
    signInUrl: '/sign-in',
    routerPush: page.land,
    routerReplace: page.land,
    Clerk: page.clerk,
  }
  // Its types want one of Clerk's own components beside a Clerk that is given.
  root.render(renderer.createElement(renderer.ClerkProvider, options as never, app))
  const until = (html: RegExp) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!html.test(container.innerHTML)) return
        observer.disconnect()
        resolve()
      }
      const observer = new page.window.MutationObserver(check)
      observer.observe(container, { subtree: true, childList: true, attributes: true, characterData: true })
      check()
    })
  await until(/./)
  return {
    find: (selector) => {
      const element = container.querySelector<HTMLElement>(selector)
      if (!element) throw new Error(`There is no ${selector} in ${container.innerHTML}`)
      return element
    },
    html: () => container.innerHTML,
    until,
    [Symbol.dispose]: () => root.unmount(),
  }
}
