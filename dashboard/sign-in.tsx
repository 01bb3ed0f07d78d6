/** How one becomes a reader: with a key, or with Clerk. */
import { useEffect, useState, type FormEvent } from 'react'
import type { DashboardSettings } from '../api/contract.ts'
import { apiWith, Refusal } from './api.ts'
import { loadClerk, type Clerk } from './clerk.ts'
import { duration } from './formats.ts'
import { readerWithClerk, readerWithKey, type Reader } from './reader.ts'

interface SignInProps {
  settings: DashboardSettings
  /** Why one is here again. */
  said: string | null
  onReader: (reader: Reader) => void
}

export function SignIn({ settings, said, onReader }: SignInProps) {
  return (
    <div className="sign-in">
      <h1>How sessions ended</h1>
      <p className="lead">Sign in as a reader to see them.</p>
      {said !== null && (
        <p className="note warn" role="alert">
          {said}
        </p>
      )}
      {settings.clerk && <WithClerk host={settings.clerk} asked={said !== null} onReader={onReader} />}
      <WithKey onReader={onReader} />
      <p className="quiet">
        {settings.development
          ? 'Development mode: the service prints a link with its key when it starts.'
          : 'A key is one of READER_API_KEYS; whoever runs the service has them. It is kept in the memory of this page only, so loading the page again asks for it again.'}
      </p>
    </div>
  )
}

interface Failure {
  says: string
  /** ms since 1970. */
  until: number
}

function WithKey({ onReader }: Pick<SignInProps, 'onReader'>) {
  const [key, setKey] = useState('')
  const [asking, setAsking] = useState(false)
  const [failure, setFailure] = useState<Failure | null>(null)
  const leftMs = useLeft(failure?.until ?? 0)
  const enter = async () => {
    const reader = readerWithKey(key.trim())
    setAsking(true)
    try {
      await apiWith(reader.credential).get('/v1/sessions?limit=1')
      onReader(reader)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const until = Date.now() + (error.retryAfterSeconds ?? 0) * 1000
      setFailure({
        says: error.code === 'unauthorized' ? 'That is no key of this service.' : error.message,
        until,
      })
    } finally {
      setAsking(false)
    }
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    enter().catch(reportError)
  }
  return (
    <form className="key" onSubmit={submit}>
      <label htmlFor="key">Reader key</label>
      <div className="row">
        <input
          id="key"
          type="password"
          autoComplete="off"
          spellCheck={false}
          required
          autoFocus
          value={key}
          aria-invalid={failure !== null}
          aria-describedby={failure ? 'key-failure' : undefined}
          onChange={(event) => setKey(event.target.value)}
        />
        <button type="submit" className="main" disabled={asking || leftMs > 0}>
          {asking ? 'Asking …' : 'Sign in'}
        </button>
      </div>
      {failure && (
        <p id="key-failure" className="failure" role="alert">
          {failure.says}
          {leftMs > 0 && ` Try again in ${duration(leftMs)}.`}
        </p>
      )}
    </form>
  )
}

function useLeft(until: number): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [until])
  return Math.max(0, Math.ceil((until - now) / 1000) * 1000)
}

interface WithClerkProps {
  host: NonNullable<DashboardSettings['clerk']>
  /** It was refused just now: not tried again by itself. */
  asked: boolean
  onReader: (reader: Reader) => void
}

/** Who is signed in at Clerk already comes in at once. */
function WithClerk({ host, asked, onReader }: WithClerkProps) {
  const [clerk, setClerk] = useState<Clerk | null>(null)
  const [failure, setFailure] = useState<string | null>(null)
  useEffect(() => {
    const load = async () => {
      const loaded = await loadClerk(host)
      setClerk(loaded)
      if (loaded.session && !asked) onReader(readerWithClerk(loaded))
    }
    load().catch((error: unknown) => setFailure(error instanceof Error ? error.message : String(error)))
  }, [host, asked, onReader])
  const enter = async () => {
    if (clerk?.session) onReader(readerWithClerk(clerk))
    else await clerk?.redirectToSignIn({ signInForceRedirectUrl: location.href })
  }
  return (
    <div className="with-clerk">
      <button
        type="button"
        className="main"
        disabled={!clerk}
        onClick={() => {
          enter().catch((error: unknown) => setFailure(String(error)))
        }}
      >
        {clerk || failure ? 'Sign in with Clerk' : 'Loading Clerk …'}
      </button>
      {clerk?.session && (
        <button
          type="button"
          onClick={() => {
            clerk.signOut({ redirectUrl: location.href }).catch((error: unknown) => setFailure(String(error)))
          }}
        >
          Sign in as somebody else
        </button>
      )}
      {failure !== null && (
        <p className="failure" role="alert">
          {failure} A key still works.
        </p>
      )}
      <p className="or" aria-hidden="true">
        or
      </p>
    </div>
  )
}
