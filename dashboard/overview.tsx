/** How many sessions ended, why, after how long, and whether all of it is known. */
import type { ReactNode } from 'react'
import type { Durations, Overview as Figures, SessionEndsOverTime } from '../api/contract.ts'
import { Divided, edges, Histogram, StackedColumns, type Column, type Series } from './charts.tsx'
import { change, useAnswer, useNow, usePlace, useReading, useZone, type Answer } from './context.ts'
import { bucketLabels, count, duration, percent } from './formats.ts'
import { Choices, Link, Moment, Nothing, Select, Skeleton, Swatch, Trouble } from './parts.tsx'
import { sessionsOf, type Place } from './place.ts'
import { buckets, presets, spanOf, type Span } from './ranges.ts'
import { intentLabels, reasonLabels, type Reason } from './words.ts'
import { addDays, dayOf } from './zones.ts'

const REFRESH_MS = 30_000

export function Overview() {
  const zone = useZone()
  const now = useNow(60_000)
  const place = usePlace()
  const { params } = place
  const chosen = spanOf(params, { now, zone })
  const span = chosen ?? spanOf({ range: '30d' }, { now, zone })
  const bucket = buckets.find((name) => name === params['bucket']) ?? span?.bucket ?? 'day'
  const query = span ? queryOf({ ...span, bucket }, { zone, org: params['org_id'] }) : null
  const figures = useAnswer<Figures>(query && `/v1/analytics/overview?${query.common}`, REFRESH_MS)
  const ends = useAnswer<SessionEndsOverTime>(
    query && `/v1/analytics/session-ends?${query.common}&bucket=${bucket}`,
    REFRESH_MS,
  )
  const durations = useAnswer<Durations>(query && `/v1/analytics/durations?${query.common}`, REFRESH_MS)
  return (
    <>
      <h1 className="unseen">Overview</h1>
      <Toolbar place={place} bucket={bucket} zone={zone} now={now} />
      <Tiles answer={figures} place={place} />
      <EndsCard answer={ends} place={place} />
      <div className="cards">
        <VoluntaryCard answer={figures} />
        <DurationsCard answer={durations} />
      </div>
      <div className="cards three">
        <ConfirmationCard answer={figures} place={place} />
        <IntentsCard answer={figures} />
        <SourcesCard answer={figures} />
      </div>
    </>
  )
}

function queryOf({ from, to }: Span, { zone, org }: { zone: string; org: string | undefined }) {
  const common = new URLSearchParams({ from, to, tz: zone, ...(org !== undefined && { org_id: org }) })
  return { common: common.toString() }
}

function Toolbar({ place, bucket, zone, now }: { place: Place; bucket: string; zone: string; now: number }) {
  const { params } = place
  const custom = params['from'] !== undefined || params['until'] !== undefined
  return (
    <div className="toolbar">
      <Choices
        label="Time"
        choices={[
          ...presets.map(({ name, label }) => ({ value: name, label })),
          { value: 'custom', label: 'Custom' },
        ]}
        value={custom ? 'custom' : (params['range'] ?? '30d')}
        onChoose={(value) => {
          if (value !== 'custom') change({ range: value, from: null, until: null, bucket: null })
          else
            change({
              range: null,
              from: addDays(dayOf(now, zone), -6),
              until: dayOf(now, zone),
              bucket: null,
            })
        }}
      />
      {custom && <Days params={params} />}
      <Select
        label="Each column"
        choices={buckets.map((name) => ({ value: name, label: `1 ${name}` }))}
        value={bucket}
        onChoose={(value) => change({ bucket: value })}
      />
      {params['org_id'] !== undefined && (
        <button type="button" className="chip" onClick={() => change({ org_id: null })}>
          Organisation <code>{params['org_id']}</code> <span aria-hidden="true">×</span>
          <span className="unseen">Take this filter away</span>
        </button>
      )}
    </div>
  )
}

/** The first and the last day that count. */
export function Days({ params }: { params: Place['params'] }) {
  return (
    <span className="days">
      <label className="field">
        <span>From</span>
        <input
          type="date"
          value={params['from'] ?? ''}
          max={params['until']}
          onChange={(event) => change({ from: event.target.value, range: null })}
        />
      </label>
      <label className="field">
        <span>to the end of</span>
        <input
          type="date"
          value={params['until'] ?? ''}
          min={params['from']}
          onChange={(event) => change({ until: event.target.value, range: null })}
        />
      </label>
    </span>
  )
}

/** A card with an answer in it, whatever became of it. */
function Card<T>({
  title,
  answer,
  table,
  children,
}: {
  title: string
  answer: Answer<T>
  /** What says the same in words and numbers; its name in the address. */
  table?: { name: string; of: (data: T) => ReactNode }
  children: (data: T) => ReactNode
}) {
  const { params } = usePlace()
  const shown = (params['tables'] ?? '').split(',').filter((name) => name !== '')
  const asTable = table !== undefined && shown.includes(table.name)
  const toggle = (name: string) =>
    change(
      { tables: (asTable ? shown.filter((one) => one !== name) : [...shown, name]).join(',') },
      'replace',
    )
  return (
    <section
      className={(answer.loading || answer.refusal) && answer.data ? 'card stale' : 'card'}
      aria-label={title}
    >
      <header>
        <h2>{title}</h2>
        {table && (
          <button type="button" className="bare" aria-pressed={asTable} onClick={() => toggle(table.name)}>
            Table
          </button>
        )}
      </header>
      {answer.refusal && <Trouble refusal={answer.refusal} again={answer.again} />}
      {!answer.refusal && !answer.data && <Skeleton lines={4} />}
      {answer.data && (asTable ? table.of(answer.data) : children(answer.data))}
    </section>
  )
}

function Tiles({ answer, place }: { answer: Answer<Figures>; place: Place }) {
  const { data } = answer
  const { ends, previous, now, coverage } = data ?? {}
  return (
    <dl className={answer.loading && data ? 'tiles stale' : 'tiles'}>
      <Tile
        name="Session ends"
        value={ends && count(ends.total)}
        note={ends && previous && compared(ends, previous)}
      />
      <Tile
        name="By the user"
        value={ends && percent(ends.voluntary, ends.total)}
        note={ends && `${count(ends.voluntary)} signed out`}
      />
      <Tile
        name="Forced"
        value={ends && percent(ends.forced, ends.total)}
        note={ends && `${count(ends.forced)} otherwise`}
      />
      <Tile
        name="Open now"
        value={now && count(now.open)}
        note={now && coverage && openNote(now.requested, coverage.sessions - coverage.ended)}
        to={sessionsOf(place, { state: 'open' })}
      />
      <Tile
        name="Not confirmed"
        value={now && count(now.unconfirmed)}
        note="for over 10 minutes; the list has newer ones too"
        to={sessionsOf(place, { state: 'requested' })}
        warns={(now?.unconfirmed ?? 0) > 0}
      />
    </dl>
  )
}

function Tile({
  name,
  value,
  note,
  to,
  warns = false,
}: {
  name: string
  value: string | undefined
  note: string | undefined
  to?: Place
  warns?: boolean
}) {
  return (
    <div className={warns ? 'tile warns' : 'tile'}>
      <dt>{name}</dt>
      <dd>
        <b>{value === undefined ? <span className="blank" /> : to ? <Link to={to}>{value}</Link> : value}</b>
        <small>{value === undefined ? '' : note}</small>
      </dd>
    </div>
  )
}

function openNote(requested: number, overdue: number): string {
  const asked = `${count(requested)} asked to log out`
  return overdue > 0 ? `${asked}; ${count(overdue)} must be over by now` : asked
}

function compared({ total }: Figures['ends'], { total: before }: Figures['ends']): string {
  if (before === 0) return 'none in the time before'
  const more = Math.round((total / before - 1) * 100)
  if (more === 0) return 'as many as in the time before'
  if (more > 900) return `${count(before)} in the time before`
  return `${more > 0 ? '+' : '−'}${Math.abs(more)} % to the time before`
}

function EndsCard({ answer, place }: { answer: Answer<SessionEndsOverTime>; place: Place }) {
  return (
    <Card
      title="Session ends by reason"
      answer={answer}
      table={{ name: 'ends', of: (data) => <EndsTable data={data} place={place} /> }}
    >
      {(data) => (data.total === 0 ? <NoEnds /> : <EndsChart data={data} place={place} />)}
    </Card>
  )
}

function reasonOf(reason: string | null): Reason {
  return reason !== null && Object.hasOwn(reasonLabels, reason) ? (reason as Reason) : 'unknown'
}

/** In the order of `reasonLabels`, so that a colour is always in the same place. */
function seriesOf({ series }: SessionEndsOverTime): Series[] {
  return (Object.keys(reasonLabels) as Reason[]).flatMap((reason) => {
    const own = series.filter((one) => reasonOf(one.reason ?? null) === reason)
    const [first] = own
    if (!first) return []
    const counts = first.counts.map((_, at) => own.reduce((sum, one) => sum + (one.counts[at] ?? 0), 0))
    return [{ key: reason, label: reasonLabels[reason], counts }]
  })
}

/** What a column counts lies within the span; an hour has no list of its own, because lists begin and end with days. */
function columnsOf({ buckets, bucket, tz, from, to }: SessionEndsOverTime, place: Place): Column[] {
  return buckets.map((at, index) => {
    const [short, long] = bucketLabels(at, tz, bucket)
    if (bucket === 'hour') return { short, long, to: null }
    const start = Math.max(Date.parse(at), Date.parse(from))
    const end = Math.min(Date.parse(buckets[index + 1] ?? to), Date.parse(to))
    const days = { from: dayOf(start, tz), until: dayOf(end - 1, tz) }
    return { short, long, to: sessionsOf(place, { state: 'ended', ...days }) }
  })
}

function EndsChart({ data, place }: { data: SessionEndsOverTime; place: Place }) {
  const series = seriesOf(data)
  const totals = series.map(({ key, label, counts }) => ({
    key,
    label,
    total: counts.reduce((a, b) => a + b, 0),
  }))
  const says = `${count(data.total)} session ends: ${totals.map(({ label, total }) => `${label} ${count(total)}`).join(', ')}.`
  const { range, from, until } = place.params
  const span = { ...(range && { range }), ...(from && { from }), ...(until && { until }) }
  return (
    <>
      <StackedColumns says={says} columns={columnsOf(data, place)} series={series} />
      <ul className="legend">
        {totals.map(({ key, label, total }) => (
          <li key={key}>
            <Link
              to={sessionsOf(place, {
                reason: key,
                ...(Object.keys(span).length > 0 ? span : { range: '30d' }),
              })}
            >
              <Swatch of={key} />
              {label} <b>{count(total)}</b> <span className="quiet">{percent(total, data.total)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </>
  )
}

function EndsTable({ data, place }: { data: SessionEndsOverTime; place: Place }) {
  const series = seriesOf(data)
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Session ends by reason, as a table">
      <table className="numbers">
        <thead>
          <tr>
            <th scope="col">{data.tz}</th>
            {series.map(({ key, label }) => (
              <th scope="col" key={key}>
                {label}
              </th>
            ))}
            <th scope="col">Together</th>
          </tr>
        </thead>
        <tbody>
          {columnsOf(data, place).map(({ long, to }, at) => (
            <tr key={long}>
              <th scope="row">{to ? <Link to={to}>{long}</Link> : long}</th>
              {series.map(({ key, counts }) => (
                <td key={key}>{count(counts[at] ?? 0)}</td>
              ))}
              <td>{count(series.reduce((sum, { counts }) => sum + (counts[at] ?? 0), 0))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function NoEnds() {
  const { settings } = useReading()
  return (
    <Nothing title="No session ended in this time">
      <p>Take a longer time, or see what comes in on the live page.</p>
      {!settings.webhooks && !settings.development && (
        <p>
          Only Clerk’s webhooks and the sweep tell that a session ended: set{' '}
          <code>CLERK_WEBHOOK_SIGNING_SECRET</code>.
        </p>
      )}
      {settings.development && (
        <p>
          In development mode a logout is asked for, and nobody confirms it; <code>npm run demo</code> has
          invented history.
        </p>
      )}
    </Nothing>
  )
}

const kindsOfEnd = [
  { key: 'voluntary', label: 'By the user' },
  { key: 'forced', label: 'Forced' },
  { key: 'unknown', label: 'Unknown' },
] as const

const rows = ({ ends, previous }: Figures) => [
  { name: 'This time', counts: ends },
  { name: 'The time before', counts: previous },
]

function VoluntaryCard({ answer }: { answer: Answer<Figures> }) {
  return (
    <Card
      title="By the user, or forced"
      answer={answer}
      table={{
        name: 'voluntary',
        of: (data) => (
          <div className="scroll" tabIndex={0} role="region" aria-label="By the user, or forced, as a table">
            <table className="numbers">
              <thead>
                <tr>
                  <td />
                  {kindsOfEnd.map(({ key, label }) => (
                    <th scope="col" key={key}>
                      {label}
                    </th>
                  ))}
                  <th scope="col">Together</th>
                </tr>
              </thead>
              <tbody>
                {rows(data).map(({ name, counts }) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    {kindsOfEnd.map(({ key }) => (
                      <td key={key}>{count(counts[key])}</td>
                    ))}
                    <td>{count(counts.total)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ),
      }}
    >
      {(data) => (
        <>
          {rows(data).map(({ name, counts }) => {
            const shares = kindsOfEnd.map((kind) => ({ ...kind, count: counts[kind.key] }))
            const says = `${name}: ${shares.map((share) => `${share.label} ${count(share.count)}`).join(', ')}.`
            return (
              <div key={name} className="divided">
                <h3>
                  {name} <span className="quiet">{count(counts.total)}</span>
                </h3>
                <Divided says={says} shares={shares} />
                <ul className="legend">
                  {shares.map(({ key, label, count: value }) => (
                    <li key={key}>
                      <Swatch of={key} />
                      {label} <b>{percent(value, counts.total)}</b>
                    </li>
                  ))}
                </ul>
              </div>
            )
          })}
          <p className="quiet">
            Forced is every known end that the user did not ask for: expired, not used for too long, revoked,
            replaced, deleted or banned.
          </p>
        </>
      )}
    </Card>
  )
}

const percentiles = ({ p50_ms, p90_ms, p99_ms }: Durations) =>
  [
    { label: 'half end within', mark: 'p50', ms: p50_ms },
    { label: '90 % within', mark: 'p90', ms: p90_ms },
    { label: '99 % within', mark: 'p99', ms: p99_ms },
  ].flatMap(({ ms, ...rest }) => (ms === null ? [] : [{ ...rest, ms }]))

function DurationsCard({ answer }: { answer: Answer<Durations> }) {
  return (
    <Card
      title="How long sessions lasted"
      answer={answer}
      table={{
        name: 'durations',
        of: (data) => (
          <div
            className="scroll"
            tabIndex={0}
            role="region"
            aria-label="How long sessions lasted, as a table"
          >
            <table className="numbers">
              <thead>
                <tr>
                  <th scope="col">Lasted</th>
                  <th scope="col">Sessions</th>
                </tr>
              </thead>
              <tbody>
                {percentiles(data).map(({ label, ms }) => (
                  <tr key={label}>
                    <th scope="row">{label}</th>
                    <td>{duration(ms)}</td>
                  </tr>
                ))}
                {data.histogram.map((bar) => (
                  <tr key={bar.from_ms}>
                    <th scope="row">{edges(bar)}</th>
                    <td>{count(bar.count)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ),
      }}
    >
      {(data) =>
        data.sessions === 0 ? (
          <Nothing title="Nothing to measure">
            <p>No session of which beginning and end are known ended in this time.</p>
          </Nothing>
        ) : (
          <>
            <dl className="figures">
              {percentiles(data).map(({ label, ms }) => (
                <div key={label}>
                  <dt>{label}</dt>
                  <dd>{duration(ms)}</dd>
                </div>
              ))}
            </dl>
            <Histogram
              says={`Durations of ${count(data.sessions)} sessions: ${percentiles(data)
                .map(({ label, ms }) => `${label} ${duration(ms)}`)
                .join(', ')}.`}
              bars={data.histogram}
              marks={percentiles(data).map(({ mark, ms }) => ({ label: mark, ms }))}
            />
          </>
        )
      }
    </Card>
  )
}

function ConfirmationCard({ answer, place }: { answer: Answer<Figures>; place: Place }) {
  return (
    <Card title="How much is known" answer={answer}>
      {({ confirmation, coverage, now }) => (
        <dl className="facts wide">
          <div>
            <dt>From the click to Clerk’s confirmation</dt>
            <dd>
              {confirmation.p50_ms === null ? (
                'nothing to measure'
              ) : (
                <>
                  <b>{duration(confirmation.p50_ms)}</b> for half
                  {confirmation.p90_ms !== null && <>, {duration(confirmation.p90_ms)} for 90 %</>}
                </>
              )}
              <small>{count(confirmation.sessions)} logouts</small>
            </dd>
          </div>
          <div>
            <dt>Asked for, and never confirmed</dt>
            <dd>
              <Link to={sessionsOf(place, { state: 'requested' })}>
                <b>{count(now.unconfirmed)}</b>
              </Link>
              <small>
                Clerk may still hold the session open: a browser that was offline, or a lost webhook
              </small>
            </dd>
          </div>
          <div>
            <dt>Sessions that must be over, with an end</dt>
            <dd>
              <b>{percent(coverage.ended, coverage.sessions)}</b> of {count(coverage.sessions)}
              <small>
                {coverage.ended < coverage.sessions
                  ? `${count(coverage.sessions - coverage.ended)} have none`
                  : 'none is missing'}
                {coverage.unknown > 0 && `; of ${count(coverage.unknown)} nobody knows how`}
              </small>
            </dd>
          </div>
        </dl>
      )}
    </Card>
  )
}

function IntentsCard({ answer }: { answer: Answer<Figures> }) {
  return (
    <Card title="What logouts meant" answer={answer}>
      {({ intents }) => {
        const most = Math.max(1, ...intents.map((one) => one.count))
        const sum = intents.reduce((total, one) => total + one.count, 0)
        if (sum === 0)
          return (
            <Nothing title="No logout was asked for">
              <p>The button says what a click meant.</p>
            </Nothing>
          )
        return (
          <table className="bars">
            <thead className="unseen">
              <tr>
                <th scope="col">Meaning</th>
                <th scope="col">Share</th>
                <th scope="col">Logouts</th>
              </tr>
            </thead>
            <tbody>
              {intents.map(({ intent, count: value }) => (
                <tr key={intent}>
                  <th scope="row">{intent === null ? 'Not said' : (intentLabels[intent] ?? intent)}</th>
                  <td>
                    <span className="bar" aria-hidden="true">
                      <i style={{ width: `${(value / most) * 100}%` }} />
                    </span>
                    <span className="quiet">{percent(value, sum)}</span>
                  </td>
                  <td>{count(value)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )
      }}
    </Card>
  )
}

function SourcesCard({ answer }: { answer: Answer<Figures> }) {
  return (
    <Card title="Where it is known from" answer={answer}>
      {({ sources }) => <SourceList sources={sources} />}
    </Card>
  )
}

const HOUR_MS = 3_600_000

type Health = 'well' | 'off' | 'warns'

function SourceList({ sources }: { sources: Figures['sources'] }) {
  const { webhook_silence_ms: silenceMs, records_behind: behind } = sources
  return (
    <dl className="facts wide sources">
      <Source
        name="The app’s logouts"
        health={sources.last_logout_at ? 'well' : 'off'}
        at={sources.last_logout_at}
      />
      <Source
        name="Clerk’s webhooks"
        health={!sources.webhooks_configured ? 'off' : silenceMs > HOUR_MS ? 'warns' : 'well'}
        at={sources.last_webhook_at}
        says={
          !sources.webhooks_configured
            ? 'not set up: CLERK_WEBHOOK_SIGNING_SECRET'
            : silenceMs > HOUR_MS
              ? `logouts came in for ${duration(silenceMs)}, and no webhook`
              : undefined
        }
      />
      <Source
        name="The sweep"
        health={sources.sweep_configured ? 'well' : 'off'}
        at={sources.last_sweep_at}
        says={sources.sweep_configured ? undefined : 'not set up: CLERK_SECRET_KEY'}
      />
      <div className={behind > 0 ? 'warns' : 'well'}>
        <dt>Records</dt>
        <dd>{behind === 0 ? 'know every entry' : `${count(behind)} entries behind the trail`}</dd>
      </div>
    </dl>
  )
}

function Source({
  name,
  health,
  at,
  says,
}: {
  name: string
  health: Health
  at: string | null
  says?: string | undefined
}) {
  return (
    <div className={health}>
      <dt>{name}</dt>
      <dd>
        {at === null ? 'nothing yet' : <Moment at={at} as="ago" />}
        {says !== undefined ? (
          <small>{says}</small>
        ) : (
          at !== null && (
            <small>
              <Moment at={at} as="exact" />
            </small>
          )
        )}
      </dd>
    </div>
  )
}
