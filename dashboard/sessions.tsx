/** Session records: found by filters of the address, read by scrolling, opened in a drawer. */
import { memo, useEffect, useRef, useState, type FormEvent } from 'react'
import type { SessionRecord } from '../api/contract.ts'
import { isTyping } from './app-keys.ts'
import { change, go, useNow, usePlace, useReading, useZone } from './context.ts'
import { Drawer, linkOf } from './drawer.tsx'
import { ExportBox } from './export-box.tsx'
import { count, duration, time } from './formats.ts'
import { Days } from './overview.tsx'
import { Link, Moment, Nothing, Select, Skeleton, Standing, Trouble, type Choice } from './parts.tsx'
import { changed, filterNames, type Place } from './place.ts'
import { momentsOf, presets, spanOf } from './ranges.ts'
import { useSessionPages } from './session-pages.ts'
import { confidenceLabels, initiatorLabels, reasonLabels, stateLabels } from './words.ts'
import { addDays, dayOf } from './zones.ts'

export function Sessions() {
  const place = usePlace()
  const zone = useZone()
  // The hour is enough: a span that moved each second would ask anew each second.
  const now = Math.floor(useNow(60_000) / 3_600_000) * 3_600_000
  const [exports, setExports] = useState(false)
  const query = queryOf(place, { zone, now })
  const pages = useSessionPages(query)
  const { session } = place.params
  const ids = pages.items.map((record) => record.session_id)
  useListKeys(ids, session)
  return (
    <>
      <h1 className="unseen">Sessions</h1>
      <Filters place={place} zone={zone} now={now} onExport={() => setExports(true)} />
      <p className="unseen" role="status">
        {pages.loading
          ? 'Loading'
          : `${count(pages.items.length)} sessions${pages.more ? ', and more below' : ''}`}
      </p>
      {pages.items.length > 0 && <List items={pages.items} place={place} />}
      {pages.refusal && <Trouble refusal={pages.refusal} again={pages.again} />}
      {pages.loading && <Skeleton lines={pages.items.length > 0 ? 3 : 12} />}
      {!pages.loading && !pages.refusal && pages.items.length === 0 && <Empty place={place} />}
      {pages.more && !pages.refusal && <More onSeen={pages.next} />}
      {!pages.more && !pages.loading && pages.items.length > 0 && (
        <p className="end quiet">That is all: {count(pages.items.length)} sessions.</p>
      )}
      {session !== undefined && <Drawer id={session} place={place} />}
      {exports && <ExportBox query={query} onClose={() => setExports(false)} />}
    </>
  )
}

/** What the API is asked for: exactly this is exported too. */
export function queryOf({ params }: Place, { zone, now }: { zone: string; now: number }): string {
  const query = new URLSearchParams()
  for (const name of filterNames) {
    const value = params[name]
    if (value !== undefined) query.set(name, value)
  }
  const span = spanOf(params, { now, zone })
  if (span) for (const [name, value] of Object.entries(momentsOf(span, zone))) query.set(name, value)
  return query.toString()
}

function choicesOf(any: string, labels: Readonly<Record<string, string>>): Choice[] {
  return [{ value: '', label: any }, ...Object.entries(labels).map(([value, label]) => ({ value, label }))]
}

const selects = [
  { name: 'state', label: 'State', choices: choicesOf('Any', stateLabels) },
  { name: 'reason', label: 'How it ended', choices: choicesOf('Anyhow', reasonLabels) },
  { name: 'initiator', label: 'Ended by', choices: choicesOf('Anybody', initiatorLabels) },
  { name: 'confidence', label: 'How sure', choices: choicesOf('Any', confidenceLabels) },
] as const

const spans = [
  { value: '', label: 'All time' },
  ...presets.map(({ name, label }) => ({ value: name as string, label: `Last ${label}` })),
  { value: 'custom', label: 'Custom' },
]

interface FiltersProps {
  place: Place
  zone: string
  now: number
  onExport: () => void
}

function Filters({ place: { params }, zone, now, onExport }: FiltersProps) {
  const custom = params['from'] !== undefined || params['until'] !== undefined
  const today = dayOf(now, zone)
  return (
    <div className="toolbar">
      <Search value={params['q'] ?? ''} />
      <Select
        label="Time"
        choices={spans}
        value={custom ? 'custom' : (params['range'] ?? '')}
        onChoose={(value) =>
          change(
            value === 'custom'
              ? { range: null, from: addDays(today, -6), until: today }
              : { range: value, from: null, until: null },
          )
        }
      />
      {custom && <Days params={params} />}
      {selects.map(({ name, label, choices }) => (
        <Select
          key={name}
          label={label}
          choices={choices}
          value={params[name] ?? ''}
          onChoose={(value) => change({ [name]: value })}
        />
      ))}
      {(['user_id', 'org_id'] as const).map((name) =>
        params[name] === undefined ? null : (
          <button key={name} type="button" className="chip" onClick={() => change({ [name]: null })}>
            {name === 'user_id' ? 'User' : 'Organisation'} <code>{params[name]}</code>{' '}
            <span aria-hidden="true">×</span>
            <span className="unseen">Take this filter away</span>
          </button>
        ),
      )}
      <span className="spring" />
      <button type="button" onClick={onExport}>
        Export
      </button>
    </div>
  )
}

function Search({ value }: { value: string }) {
  const box = useRef<HTMLInputElement>(null)
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key !== '/' || isTyping(event) || document.querySelector('dialog[open]')) return
      event.preventDefault()
      box.current?.select()
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    change({ q: text.trim() })
  }
  return (
    <form role="search" className="search" onSubmit={submit}>
      <label className="field">
        <span>Search</span>
        <input
          ref={box}
          type="search"
          value={text}
          placeholder="Id of a user, session, organisation"
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => {
            setText(event.target.value)
            // The cross of the box.
            if (event.target.value === '' && value !== '') change({ q: null })
          }}
        />
      </label>
      <kbd aria-hidden="true">/</kbd>
    </form>
  )
}

function List({ items, place }: { items: SessionRecord[]; place: Place }) {
  return (
    <table className="list">
      <thead>
        <tr>
          <th scope="col">Began</th>
          <th scope="col">How it stands</th>
          <th scope="col">Since</th>
          <th scope="col">User</th>
          <th scope="col">Organisation</th>
          <th scope="col" className="right">
            Lasted
          </th>
          <th scope="col">Session</th>
        </tr>
      </thead>
      <tbody>
        {items.map((record) => (
          <Row key={record.session_id} record={record} place={place} />
        ))}
      </tbody>
    </table>
  )
}

/** Since when it stands as it does. */
function sinceOf({ ended_at, ended_at_latest, requested_at, started_at }: SessionRecord): string | null {
  return ended_at ?? ended_at_latest ?? requested_at ?? started_at
}

const Row = memo(function Row({ record, place }: { record: SessionRecord; place: Place }) {
  const zone = useZone()
  const since = sinceOf(record)
  const { session_id, user_id, org_id, started_at, duration_ms, sentence } = record
  const to = changed(place, { session: session_id })
  return (
    <tr
      title={sentence}
      className={place.params['session'] === session_id ? 'chosen' : ''}
      onClick={(event) => {
        if (!(event.target as Element).closest('a') && !getSelection()?.toString()) go(to)
      }}
    >
      <td className="quiet">{started_at === null ? '–' : time(started_at, zone, 'short')}</td>
      <td>
        <Standing record={record} />
      </td>
      <td>{since === null ? <span className="quiet">–</span> : <Moment at={since} />}</td>
      <td>
        <code>{user_id ?? '–'}</code>
      </td>
      <td>
        <code>{org_id ?? '–'}</code>
      </td>
      <td className="right">
        {duration_ms === null ? <span className="quiet">–</span> : duration(duration_ms)}
      </td>
      <td>
        <Link to={to} data-session={session_id}>
          <code>{session_id}</code>
        </Link>
      </td>
    </tr>
  )
})

/** Arrows, j and k: through the list, or through the sessions while one is open. */
function useListKeys(ids: readonly string[], open: string | undefined): void {
  const known = ids.join(' ')
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key]
      if (step === undefined || isTyping(event)) return
      if (document.querySelector('dialog[open]:not(.drawer)')) return
      // Inside an open session arrows scroll.
      if (open !== undefined && event.key.startsWith('Arrow')) return
      if (event.target instanceof Element && event.target.matches('input, [role=region]')) return
      const list = known.split(' ')
      const focused = document.activeElement?.getAttribute('data-session')
      const at = list.indexOf(open ?? focused ?? '')
      const id = list[at < 0 ? 0 : at + step]
      if (id === undefined || id === '') return
      event.preventDefault()
      if (open === undefined) linkOf(id)?.focus()
      else change({ session: id }, 'replace')
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [known, open])
}

/** Asks for the next page when it comes into sight; the button is for whoever does not scroll. */
function More({ onSeen }: { onSeen: () => void }) {
  const ref = useRef<HTMLButtonElement>(null)
  const seen = useRef(onSeen)
  seen.current = onSeen
  useEffect(() => {
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) seen.current()
      },
      { rootMargin: '600px' },
    )
    if (ref.current) observer.observe(ref.current)
    return () => observer.disconnect()
  })
  return (
    <p className="end">
      <button ref={ref} type="button" onClick={onSeen}>
        Load more
      </button>
    </p>
  )
}

function Empty({ place }: { place: Place }) {
  const { settings } = useReading()
  const { tz: _, session: __, ...filters } = place.params
  if (Object.keys(filters).length > 0) {
    const none = Object.fromEntries(Object.keys(filters).map((name) => [name, null]))
    return (
      <Nothing title="No session fits">
        <p>
          {filters['q'] === undefined
            ? 'Nothing fits all of these filters.'
            : 'The search takes whole ids only: of a user, a session or an organisation.'}
        </p>
        <button type="button" onClick={() => change(none)}>
          Take all filters away
        </button>
      </Nothing>
    )
  }
  return (
    <Nothing title="Nothing is recorded yet">
      {settings.logout_endpoint ? (
        <>
          <p>
            Log somebody out
            {settings.development ? ':' : ' in your app, or tell Clerk to send its webhooks here.'}
          </p>
          {settings.development && (
            <pre>
              <code>
                {`curl -X DELETE ${location.origin}/v1/auth/session -H "Authorization: Bearer $(curl -s ${location.origin}/dev/token)"`}
              </code>
            </pre>
          )}
        </>
      ) : (
        <p>The logout endpoint is off: what Clerk’s webhooks tell comes in.</p>
      )}
    </Nothing>
  )
}
