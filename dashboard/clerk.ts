/** clerk-js, from Clerk's own host, and only when people of this instance may read. */

/** What is used of it. */
export interface Clerk {
  load: (options: { telemetry: false }) => Promise<void>
  session?: { getToken: () => Promise<string | null> } | null | undefined
  signOut: (options: { redirectUrl: string }) => Promise<void>
  redirectToSignIn: (options: { signInForceRedirectUrl: string }) => Promise<unknown>
}

export interface ClerkHost {
  publishable_key: string
  frontend_api: string
}

let loading: Promise<Clerk> | undefined

/** The one of this page; asked for again when it could not be loaded. */
export function loadClerk(host: ClerkHost): Promise<Clerk> {
  loading ??= load(host).catch((error: unknown) => {
    loading = undefined
    throw error
  })
  return loading
}

/** As Clerk documents it for pages without a framework: the script makes `window.Clerk` of the key on its element. */
async function load({ publishable_key, frontend_api }: ClerkHost): Promise<Clerk> {
  const script = document.createElement('script')
  script.src = `https://${frontend_api}/npm/@clerk/clerk-js@6/dist/clerk.browser.js`
  script.crossOrigin = 'anonymous'
  script.dataset['clerkPublishableKey'] = publishable_key
  await new Promise((resolve, reject) => {
    script.addEventListener('load', resolve)
    script.addEventListener('error', () => {
      script.remove()
      reject(new Error(`Clerk’s script could not be loaded from ${frontend_api}.`))
    })
    document.head.append(script)
  })
  const { Clerk: clerk } = window as unknown as { Clerk: Clerk }
  await clerk.load({ telemetry: false })
  return clerk
}
