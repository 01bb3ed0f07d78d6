/** What comes in, as it comes in. */
import { useEffect, useState } from 'react'
import type { Entry } from '../api/contract.ts'
import { change, isNoReader, useNow, usePlace, useReading, useZone } from './context.ts'
import { Drawer } from './drawer.tsx'
import { follow, type Connection } from './follow.ts'
import { count, duration, time } from './formats.ts'
import { Link, Nothing, Select, Skeleton, Trouble, type Choice } from './parts.tsx'
import { changed, elsewhere, type Place } from './place.ts'
import { intentLabels, kindGroups, kindLabels, sourceLabels, sourceMeanings } from './words.ts'

/** More than one reads; older ones leave the page, and stay in the trail. */
const KEPT = 500

export function Live() {
  const place = usePlace()
  const { api, refused } = useReading()
  const [connection, setConnection] = useState<Connection>({ is: 'connecting' })
  const [entries, setEntries] = useState<Entry[]>([])
  /** The index of the last entry that is shown; null: all are. */
  const [pausedAt, setPausedAt] = useState<number | null>(null)
  const [round, setRound] = useState(0)
  useEffect(() => {
    const ending = new AbortController()
    setEntries([])
    follow(api, {
      signal: ending.signal,
      onConnection: (now) => {
        if (now.is === 'refused' && isNoReader(now.refusal)) refused(now.refusal.message)
        setConnection(now)
      },
      onEntries: (more) => setEntries((before) => [...more.toReversed(), ...before].slice(0, KEPT)),
    }).catch(reportError)
    return () => ending.abort()
  }, [api, refused, round])
  const shown = entries.filter(
    (entry) => (pausedAt === null || entry.index <= pausedAt) && fits(entry, place),
  )
  const waiting =
    pausedAt === null ? 0 : entries.filter((entry) => entry.index > pausedAt && fits(entry, place)).length
  const { session } = place.params
  return (
    <>
      <h1 className="unseen">Live</h1>
      <Toolbar
        place={place}
        connection={connection}
        waiting={waiting}
        paused={pausedAt !== null}
        onPause={() => setPausedAt(pausedAt === null ? (entries[0]?.index ?? -1) : null)}
      />
      {connection.is === 'refused' && (
        <Trouble refusal={connection.refusal} again={() => setRound((one) => one + 1)} />
      )}
      {connection.is === 'connecting' && entries.length === 0 && <Skeleton lines={8} />}
      {connection.is === 'waiting' && entries.length === 0 && (
        <Nothing title="Not connected">
          <p>{connection.why} It is tried again by itself.</p>
        </Nothing>
      )}
      {connection.is === 'open' && shown.length === 0 && <Empty filtered={entries.length > 0} />}
      {shown.length > 0 && (
        <ol className="stream" aria-label="Entries, the newest first">
          {shown.map((entry) => (
            <Line key={entry.index} entry={entry} place={place} />
          ))}
        </ol>
      )}
      {session !== undefined && <Drawer id={session} place={place} />}
    </>
  )
}

function fits(entry: Entry, { params }: Place): boolean {
  const { source, kinds, id } = params
  if (source !== undefined && entry.source !== source) return false
  if (kinds !== undefined && Object.hasOwn(kindGroups, kinds) && kindGroups[kinds]?.has(entry.kind) === false)
    return false
  return (
    id === undefined ||
    [entry.session_id, entry.user_id, entry.org_id, entry.actor_id].some((one) => one?.includes(id))
  )
}

function any(labels: Record<string, string>): Choice[] {
  const choices = Object.entries(labels).map(([value, label]) => ({ value, label }))
  return [{ value: '', label: 'All' }, ...choices]
}

interface ToolbarProps {
  place: Place
  connection: Connection
  waiting: number
  paused: boolean
  onPause: () => void
}

function Toolbar({ place: { params }, connection, waiting, paused, onPause }: ToolbarProps) {
  const groups = Object.fromEntries(Object.entries(kindGroups).map(([name, { label }]) => [name, label]))
  return (
    <div className="toolbar">
      <label className="field search">
        <span>Ids with</span>
        <input
          type="search"
          value={params['id'] ?? ''}
          placeholder="user_2a…"
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => change({ id: event.target.value }, 'replace')}
        />
      </label>
      <Select
        label="What"
        choices={any(groups)}
        value={params['kinds'] ?? ''}
        onChoose={(kinds) => change({ kinds })}
      />
      <Select
        label="Told by"
        choices={any(sourceLabels)}
        value={params['source'] ?? ''}
        onChoose={(source) => change({ source })}
      />
      <span className="spring" />
      <State connection={connection} paused={paused} />
      <button type="button" aria-pressed={paused} onClick={onPause}>
        {paused ? `Go on${waiting > 0 ? ` (${count(waiting)} new)` : ''}` : 'Pause'}
      </button>
    </div>
  )
}

function State({ connection, paused }: { connection: Connection; paused: boolean }) {
  const now = useNow(1000)
  const [kind, words] = wordsOf(connection, { now, paused })
  return (
    <span
      className={`connection ${kind}`}
      role="status"
      title={connection.is === 'waiting' ? connection.why : undefined}
    >
      {words}
    </span>
  )
}

function wordsOf(
  connection: Connection,
  { now, paused }: { now: number; paused: boolean },
): [string, string] {
  switch (connection.is) {
    case 'connecting':
      return ['waits', 'Connecting …']
    case 'open':
      return paused ? ['waits', 'Paused'] : ['open', 'Follows along']
    case 'waiting':
      return ['broken', `Connects again in ${duration(Math.max(1000, connection.at - now))}`]
    case 'refused':
      return ['broken', 'Not connected']
  }
}

function Line({ entry, place }: { entry: Entry; place: Place }) {
  const zone = useZone()
  const { kind, source, occurred_at, session_id, user_id, org_id, actor_id, index, intent } = entry
  return (
    <li className={source}>
      <time dateTime={new Date(occurred_at).toISOString()} title={new Date(occurred_at).toISOString()}>
        {time(occurred_at, zone, 'clock')} <small>{time(occurred_at, zone, 'day')}</small>
      </time>
      <span className="what">
        <b>{kindLabels[kind]}</b>
        {intent !== null && intent !== 'user' && (
          <span className="tag">{intentLabels[intent] ?? intent}</span>
        )}
      </span>
      <span className="tag source" title={sourceMeanings[source]}>
        {sourceLabels[source]}
      </span>
      <span className="who">
        {user_id !== null && (
          <Link to={elsewhere(place, 'sessions', { user_id })}>
            <code>{user_id}</code>
          </Link>
        )}
        {user_id === null && actor_id !== null && <code>{actor_id}</code>}
        {org_id !== null && <code className="quiet">{org_id}</code>}
      </span>
      <span className="which">
        {session_id !== null && (
          <Link to={changed(place, { session: session_id })} data-session={session_id}>
            <code>{session_id}</code>
          </Link>
        )}
      </span>
      <span className="index quiet">{count(index)}</span>
    </li>
  )
}

function Empty({ filtered }: { filtered: boolean }) {
  const { settings } = useReading()
  if (filtered) {
    return (
      <Nothing title="Nothing that came in fits">
        <button type="button" onClick={() => change({ id: null, kinds: null, source: null })}>
          Take all filters away
        </button>
      </Nothing>
    )
  }
  return (
    <Nothing title="It is quiet">
      <p>What comes in stands here within a second.</p>
      {settings.development && settings.logout_endpoint && (
        <pre>
          <code>
            {`curl -X DELETE ${location.origin}/v1/auth/session -H "Authorization: Bearer $(curl -s ${location.origin}/dev/token)"`}
          </code>
        </pre>
      )}
    </Nothing>
  )
}
