/** The frame: who reads, where one is, the keys of the keyboard. */
import { useCallback, useEffect, useMemo, useState } from 'react'
import type { DashboardSettings } from '../api/contract.ts'
import { apiWith } from './api.ts'
import { isTyping } from './app-keys.ts'
import { Patterns } from './charts.tsx'
import { change, ReadingContext, usePlace, useZone } from './context.ts'
import { offset } from './formats.ts'
import { Live } from './live.tsx'
import { Overview } from './overview.tsx'
import { Dialog, Link, Skeleton } from './parts.tsx'
import { elsewhere, type PageName } from './place.ts'
import { readerWithKey, takeKeyFromAddress, type Reader } from './reader.ts'
import { Sessions } from './sessions.tsx'
import { SignIn } from './sign-in.tsx'
import { chooseTheme, chosenTheme, themes } from './theme.ts'
import { ownZone, zoneNames } from './zones.ts'

const titles: Record<PageName, string> = { overview: 'Overview', sessions: 'Sessions', live: 'Live' }

export function App({ firstKey }: { firstKey: string | null }) {
  const [reader, setReader] = useState<Reader | null>(() =>
    firstKey === null ? null : readerWithKey(firstKey),
  )
  const [said, setSaid] = useState<string | null>(null)
  const settings = useSettings()
  const { page } = usePlace()
  useEffect(() => {
    document.title = `${reader ? titles[page] : 'Sign in'} · Logout Trail`
  }, [page, reader])
  useEffect(() => {
    // A link with a key, opened while the page is open.
    const take = () => {
      const key = takeKeyFromAddress()
      if (key !== null) setReader(readerWithKey(key))
    }
    window.addEventListener('hashchange', take)
    return () => window.removeEventListener('hashchange', take)
  }, [])
  const refused = useCallback((why: string) => {
    setReader(null)
    setSaid(why)
  }, [])
  const api = useMemo(() => reader && apiWith(reader.credential), [reader])
  const reading = useMemo(
    () => (api && typeof settings === 'object' ? { api, settings, refused } : null),
    [api, settings, refused],
  )
  const leave = async () => {
    await reader?.leave()
    setReader(null)
    setSaid(null)
  }
  return (
    <>
      <Patterns />
      <a className="skip" href="#main" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </a>
      <Header
        reader={reader}
        onLeave={() => {
          leave().catch(reportError)
        }}
      />
      <main id="main" tabIndex={-1}>
        {settings === 'loading' && <Skeleton tall />}
        {settings === 'failed' && (
          <div className="trouble" role="alert">
            <h2>No answer</h2>
            <p>The service does not answer. Is it running, and are you online?</p>
            <button type="button" onClick={() => location.reload()}>
              Load again
            </button>
          </div>
        )}
        {typeof settings === 'object' && !reading && (
          <SignIn settings={settings} said={said} onReader={setReader} />
        )}
        {reading && (
          <ReadingContext value={reading}>
            <Page page={page} />
          </ReadingContext>
        )}
      </main>
    </>
  )
}

function Page({ page }: { page: PageName }) {
  switch (page) {
    case 'overview':
      return <Overview />
    case 'sessions':
      return <Sessions />
    case 'live':
      return <Live />
  }
}

function useSettings(): DashboardSettings | 'loading' | 'failed' {
  const [settings, setSettings] = useState<DashboardSettings | 'loading' | 'failed'>('loading')
  useEffect(() => {
    const ask = async () => {
      const response = await fetch('/dashboard/config.json', { credentials: 'omit' })
      setSettings(response.ok ? ((await response.json()) as DashboardSettings) : 'failed')
    }
    ask().catch(() => setSettings('failed'))
  }, [])
  return settings
}

function Header({ reader, onLeave }: { reader: Reader | null; onLeave: () => void }) {
  const place = usePlace()
  const [helps, setHelps] = useState(false)
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key === '?' && !isTyping(event)) setHelps(true)
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
  return (
    <header className="top">
      <span className="brand">
        <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
          <path d="M4 23h8v-8h8V8h7" />
          <circle cx="28" cy="8" r="3" />
        </svg>
        <span>Logout Trail</span>
      </span>
      {reader && (
        <nav aria-label="Pages">
          {(Object.keys(titles) as PageName[]).map((page) => (
            <Link
              key={page}
              to={elsewhere(place, page)}
              aria-current={place.page === page ? 'page' : undefined}
            >
              {titles[page]}
            </Link>
          ))}
        </nav>
      )}
      <div className="tools">
        {reader && <ZoneChoice />}
        <ThemeChoice />
        {reader && (
          <button type="button" className="bare" onClick={() => setHelps(true)} aria-label="Keyboard">
            ?
          </button>
        )}
        {reader && (
          <button type="button" className="bare" onClick={onLeave}>
            {reader.with === 'key' ? 'Forget key' : 'Sign out'}
          </button>
        )}
      </div>
      {helps && <Help onClose={() => setHelps(false)} />}
    </header>
  )
}

function ZoneChoice() {
  const zone = useZone()
  const { params } = usePlace()
  const names = useMemo(() => {
    // Browsers list one name of each zone, and understand others.
    const all = new Set([...zoneNames(), zone])
    return [...all].filter((name) => name !== ownZone() && name !== 'UTC').toSorted()
  }, [zone])
  return (
    <label className="zone">
      <span className="unseen">Time zone</span>
      <select
        value={params['tz'] === undefined ? '' : zone}
        onChange={(event) => change({ tz: event.target.value })}
      >
        <option value="">
          {ownZone()} ({offset(Date.now(), ownZone())})
        </option>
        {ownZone() === 'UTC' && params['tz'] !== 'UTC' ? null : <option value="UTC">UTC</option>}
        <optgroup label="All zones">
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </optgroup>
      </select>
    </label>
  )
}

const signs = { system: '◐', light: '○', dark: '●' }

function ThemeChoice() {
  const [theme, setTheme] = useState(chosenTheme)
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system'
  return (
    <button
      type="button"
      className="bare"
      title={`Colours: ${theme}`}
      aria-label={`Colours: ${theme}. Change to ${next}`}
      onClick={() => {
        chooseTheme(next)
        setTheme(next)
      }}
    >
      <span aria-hidden="true">{signs[theme]}</span>
    </button>
  )
}

const keys = [
  ['/', 'Search'],
  ['j or ↓, k or ↑', 'The next and the one before, in a list or in an open session'],
  ['Enter', 'Open the session'],
  ['Esc', 'Close'],
  ['?', 'This help'],
] as const

function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog name="Keyboard" className="box" onClose={onClose}>
      <h2>Keyboard</h2>
      <dl className="facts">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button type="button" onClick={onClose}>
        Close
      </button>
    </Dialog>
  )
}
