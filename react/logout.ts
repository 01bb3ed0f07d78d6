/** A logout: tell the backend, beside that ask Clerk, and never wait for the first. */
import type { LogoutIntent } from '../api/contract.ts'
import type { ClerkBrowser } from './clerk-browser.ts'
import { report } from './report.ts'
import type { LogoutScope } from './sessions.ts'
import { signOut } from './sign-out.ts'

export interface LogoutOptions {
  /** What `useClerk()` gives, or `window.Clerk`. */
  clerk: ClerkBrowser
  /** Where the backend is told. `false`: nowhere, only Clerk is asked. Default: `/v1/auth/session`. */
  endpoint?: string | false | undefined
  /** Default: `session`, the account in use. `browser` ends every account that is signed in, in this browser. */
  scope?: LogoutScope | undefined
  /** What the click meant. */
  intent?: LogoutIntent | undefined
  /** Where the person lands. Default: the app's sign-in page, as Clerk knows it. */
  redirectUrl?: string | undefined
}

/**
 * - `sign-out-failed`: Clerk refused, or could not be reached; `cause` is its error.
 * - `no-answer`: Clerk has not answered in 5 seconds. It may still, and then the person is signed out.
 */
export type LogoutErrorCode = 'sign-out-failed' | 'no-answer'

/** The person may still be signed in, and can try again. */
export class LogoutError extends Error {
  override readonly name = 'LogoutError'
  readonly code: LogoutErrorCode

  constructor(code: LogoutErrorCode, options?: ErrorOptions) {
    super(MESSAGES[code], options)
    this.code = code
  }
}

const MESSAGES: Record<LogoutErrorCode, string> = {
  'sign-out-failed': 'Clerk could not sign out: see the cause.',
  'no-answer': 'Clerk has not answered in 5 seconds.',
}

/** `pending`: Clerk was asked. There is no word for “signed out”: the page that would show it is gone. */
export type LogoutState =
  | { status: 'idle' | 'pending'; error: null }
  | { status: 'error'; error: LogoutError }

const ANSWER_WITHIN_MS = 5000
const IDLE: LogoutState = { status: 'idle', error: null }

/** What is known of one Clerk's logouts. It outlives the button: Clerk's own components hide it while signing out. */
interface Progress {
  state: LogoutState
  /** The last logout, which has ended unless the state is `pending`. */
  running: Promise<void>
  listeners: Set<() => void>
}

const known = new WeakMap<ClerkBrowser, Progress>()

/**
 * Logs the person out. The backend is told at once, with the token that is there, and is never waited for; then Clerk
 * signs out and redirects. A second call while Clerk has not answered joins the first, whatever its options.
 * @throws {LogoutError} when Clerk failed, or has not answered in 5 seconds.
 */
export function logout(options: LogoutOptions): Promise<void> {
  const progress = progressOf(options.clerk)
  if (progress.state.status !== 'pending') progress.running = start(options, progress)
  return progress.running
}

export function logoutState(clerk: ClerkBrowser): LogoutState {
  return progressOf(clerk).state
}

/** Forgets the error. */
export function resetLogout(clerk: ClerkBrowser): void {
  const progress = progressOf(clerk)
  if (progress.state.status === 'error') change(progress, IDLE)
}

/** Calls when the state has changed, until the function that it returns is called. */
export function onLogoutState(clerk: ClerkBrowser, listener: () => void): () => void {
  const { listeners } = progressOf(clerk)
  listeners.add(listener)
  return () => listeners.delete(listener)
}

async function start(options: LogoutOptions, progress: Progress): Promise<void> {
  const { clerk, endpoint = '/v1/auth/session', scope = 'session', intent, redirectUrl } = options
  if (endpoint !== false) report({ clerk, endpoint, scope, intent })
  const asked = signOut({ clerk, scope, redirectUrl })
  const show = attempt(progress)
  const failure = (code: LogoutErrorCode, cause?: ErrorOptions) => {
    const error = new LogoutError(code, cause)
    show({ status: 'error', error })
    return error
  }
  show({ status: 'pending', error: null })
  const answer = asked.then(
    () => show(IDLE),
    (cause: unknown) => {
      throw failure('sign-out-failed', { cause })
    },
  )
  await within(ANSWER_WITHIN_MS, answer, () => failure('no-answer'))
}

/** Shows how one attempt goes, also after its 5 seconds, until another attempt or a reset has the word. */
function attempt(progress: Progress): (state: LogoutState) => void {
  let shown = progress.state
  return (state) => {
    if (progress.state === shown) change(progress, (shown = state))
  }
}

async function within(ms: number, answer: Promise<void>, late: () => Error): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms)
  })
  await Promise.race([answer, deadline]).finally(() => clearTimeout(timer))
}

function progressOf(clerk: ClerkBrowser): Progress {
  const progress = known.get(clerk) ?? { state: IDLE, running: Promise.resolve(), listeners: new Set() }
  known.set(clerk, progress)
  return progress
}

function change(progress: Progress, state: LogoutState): void {
  progress.state = state
  for (const listener of progress.listeners) listener()
}
