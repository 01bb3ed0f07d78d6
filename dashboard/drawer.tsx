/** One session: what a person would say of it, and who says so. */
import type { ReactNode } from 'react'
import type { Entry, SessionDetail } from '../api/contract.ts'
import { change, useAnswer, useZone } from './context.ts'
import { duration, offset, time } from './formats.ts'
import { Copy, Dialog, Id, Link, Moment, Skeleton, Standing, Trouble } from './parts.tsx'
import { elsewhere, type Place } from './place.ts'
import {
  confidenceLabels,
  initiatorLabels,
  intentLabels,
  kindLabels,
  sourceLabels,
  sourceMeanings,
} from './words.ts'

/** The link to a session in the list behind. */
export function linkOf(session: string): HTMLElement | null {
  return document.querySelector(`[data-session="${CSS.escape(session)}"]`)
}

const close = () => change({ session: null })

export function Drawer({ id, place }: { id: string; place: Place }) {
  const answer = useAnswer<SessionDetail>(`/v1/sessions/${encodeURIComponent(id)}`)
  const { data } = answer
  return (
    <Dialog name={`Session ${id}`} className="drawer" onClose={close} focusAfter={() => linkOf(id)}>
      <header>
        <Id id={id} what="the session’s id" />
        <span className="row">
          <Copy text={() => location.href} what="a link to this">
            Copy link
          </Copy>
          <button type="button" className="bare" aria-label="Close" onClick={close}>
            ✕
          </button>
        </span>
      </header>
      {answer.refusal && <Trouble refusal={answer.refusal} again={answer.again} />}
      {!answer.refusal && data?.session_id !== id && <Skeleton lines={8} />}
      {!answer.refusal && data?.session_id === id && <Told detail={data} place={place} />}
    </Dialog>
  )
}

function Told({ detail, place }: { detail: SessionDetail; place: Place }) {
  const { entries, ...record } = detail
  return (
    <>
      <Standing record={record} />
      <p className="sentence">{record.sentence}</p>
      <Copy text={record.sentence} what="the sentence">
        Copy sentence
      </Copy>
      <Steps detail={detail} />
      <h3>Facts</h3>
      <Facts detail={detail} place={place} />
      <h3>What was told, in the order in which it was recorded</h3>
      <ol className="timeline">
        {entries.map((entry) => (
          <Line key={entry.index} entry={entry} />
        ))}
      </ol>
      <details>
        <summary>Raw JSON</summary>
        <Copy text={() => JSON.stringify(detail, null, 2)} what="the JSON">
          Copy JSON
        </Copy>
        <pre tabIndex={0} aria-label="Raw JSON">
          <code>{JSON.stringify(detail, null, 2)}</code>
        </pre>
      </details>
    </>
  )
}

/** Three things that are never the same: it was asked for, it is in the trail, Clerk says that it is so. */
function Steps({ detail }: { detail: SessionDetail }) {
  const { requested_at, state, confidence, ended_at, ended_at_latest, unconfirmed, entries } = detail
  const recorded = entries.find(({ kind }) => kind === 'logout.requested') ?? entries.at(-1)
  const confirmed = confidence === 'confirmed'
  const confirmedAt = ended_at ?? ended_at_latest
  return (
    <ol className="steps">
      <li className={requested_at === null ? 'not' : 'yes'}>
        <b>Asked for</b>
        {requested_at === null ? <span>by nobody that we heard of</span> : <Moment at={requested_at} />}
      </li>
      <li className={recorded ? 'yes' : 'not'}>
        <b>Recorded</b>
        {recorded && <Moment at={recorded.recorded_at} />}
        {recorded && <span className="quiet">entry {recorded.index}</span>}
      </li>
      <li className={confirmed ? 'yes' : unconfirmed ? 'late' : 'not'}>
        <b>Confirmed by Clerk</b>
        {confirmed && confirmedAt !== null && <Moment at={confirmedAt} />}
        {confirmed && confirmedAt === null && <span>at a time that is not known</span>}
        {!confirmed && <span>{notConfirmed(state, unconfirmed)}</span>}
      </li>
    </ol>
  )
}

function notConfirmed(state: SessionDetail['state'], unconfirmed: boolean): string {
  switch (state) {
    case 'open':
      return 'nothing to confirm'
    case 'requested':
      return unconfirmed ? 'not for over 10 minutes' : 'not yet'
    case 'ended':
      return 'no: it follows from something else that Clerk says'
  }
}

function Facts({ detail, place }: { detail: SessionDetail; place: Place }) {
  const { user_id, org_id, client_id, actor_id, initiator, confidence, intent, duration_ms } = detail
  const { started_at, ended_at, ended_at_earliest, ended_at_latest } = detail
  return (
    <dl className="facts">
      {user_id !== null && (
        <div>
          <dt>User</dt>
          <dd>
            <Id id={user_id} what="the user’s id" />
            <Link to={elsewhere(place, 'sessions', { user_id })}>All sessions of this user</Link>
          </dd>
        </div>
      )}
      {org_id !== null && (
        <div>
          <dt>Organisation</dt>
          <dd>
            <Id id={org_id} what="the organisation’s id" />
            <Link to={elsewhere(place, 'sessions', { org_id })}>All its sessions</Link>
            <Link to={elsewhere(place, 'overview', { org_id })}>How they end</Link>
          </dd>
        </div>
      )}
      {actor_id !== null && (
        <Fact name="Acted for the user">
          <Id id={actor_id} what="who acted" />
        </Fact>
      )}
      {initiator !== null && <Fact name="Ended by">{initiatorLabels[initiator]}</Fact>}
      {confidence !== null && <Fact name="How sure">{confidenceLabels[confidence]}</Fact>}
      {intent !== null && <Fact name="Intent">{intentLabels[intent] ?? intent}</Fact>}
      {started_at !== null && (
        <Fact name="Began">
          <Moment at={started_at} />
        </Fact>
      )}
      {ended_at !== null && (
        <Fact name="Ended">
          <Moment at={ended_at} />
        </Fact>
      )}
      {ended_at === null && ended_at_earliest !== null && (
        <Fact name="Ended after">
          <Moment at={ended_at_earliest} />
        </Fact>
      )}
      {ended_at === null && ended_at_latest !== null && (
        <Fact name="Ended before">
          <Moment at={ended_at_latest} />
        </Fact>
      )}
      {duration_ms !== null && <Fact name="Lasted">{duration(duration_ms)}</Fact>}
      {client_id !== null && (
        <Fact name="Client">
          <Id id={client_id} what="the client’s id" />
        </Fact>
      )}
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** One entry, in plain words. */
function Line({ entry }: { entry: Entry }) {
  const zone = useZone()
  const { kind, source, occurred_at, recorded_at, index, intent, clerk_status, token_state } = entry
  const place = [entry.city, entry.country].filter(Boolean).join(', ')
  const more = [
    intent && (intentLabels[intent] ?? intent),
    clerk_status && `Clerk’s status “${clerk_status}”`,
    token_state === 'expired' && 'the token had expired',
    place,
    entry.ip,
    entry.user_agent,
  ].filter((text) => typeof text === 'string' && text !== '')
  const lateMs = recorded_at - occurred_at
  return (
    <li className={source}>
      <b>{kindLabels[kind]}</b>
      <span className="tag" title={sourceMeanings[source]}>
        {sourceLabels[source]}
      </span>
      <time dateTime={new Date(occurred_at).toISOString()} title={new Date(occurred_at).toISOString()}>
        {time(occurred_at, zone, 'moment')} {offset(occurred_at, zone)}
      </time>
      <span className="quiet">
        entry {index}
        {lateMs > 60_000 && `, recorded ${duration(lateMs)} later`}
      </span>
      {more.length > 0 && <span className="more">{more.join(' · ')}</span>}
    </li>
  )
}
