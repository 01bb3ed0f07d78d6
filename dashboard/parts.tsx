/** The small parts that every page is made of. */
import { useEffect, useId, useRef, useState, type MouseEvent, type ReactNode } from 'react'
import type { SessionRecord } from '../api/contract.ts'
import type { Refusal } from './api.ts'
import { go, useNow, useZone } from './context.ts'
import { ago, duration, offset, time } from './formats.ts'
import { hrefOf, type Place } from './place.ts'
import { standing } from './words.ts'

export function Link({
  to,
  children,
  ...rest
}: { to: Place; children: ReactNode } & Omit<React.AnchorHTMLAttributes<HTMLAnchorElement>, 'href'>) {
  const follow = (event: MouseEvent) => {
    rest.onClick?.(event as MouseEvent<HTMLAnchorElement>)
    // A new tab is the browser's business.
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey)
      return
    event.preventDefault()
    go(to)
  }
  return (
    <a {...rest} href={hrefOf(to)} onClick={follow}>
      {children}
    </a>
  )
}

/** A moment: how long ago, and exactly; with a pointer on it also in UTC. */
export function Moment({ at, as = 'both' }: { at: string | number; as?: 'both' | 'ago' | 'exact' }) {
  const zone = useZone()
  const now = useNow()
  const ms = typeof at === 'number' ? at : Date.parse(at)
  const exact = time(ms, zone, 'moment')
  const title = `${exact} ${offset(ms, zone)}\n${new Date(ms).toISOString()}`
  return (
    <time dateTime={new Date(ms).toISOString()} title={title} className="moment">
      {as !== 'exact' && <span>{ago(ms, now)}</span>}
      {as !== 'ago' && <span className={as === 'both' ? 'quiet' : ''}>{exact}</span>}
    </time>
  )
}

export function Copy({
  text,
  what,
  children,
}: {
  text: string | (() => string)
  what: string
  children?: ReactNode
}) {
  const [copied, setCopied] = useState<'no' | 'yes' | 'failed'>('no')
  const copy = async () => {
    const value = typeof text === 'string' ? text : text()
    setCopied(
      await navigator.clipboard.writeText(value).then(
        () => 'yes' as const,
        () => 'failed' as const,
      ),
    )
  }
  useEffect(() => {
    if (copied === 'no') return undefined
    const timer = setTimeout(() => setCopied('no'), 2000)
    return () => clearTimeout(timer)
  }, [copied])
  const says = { no: children ?? 'Copy', yes: 'Copied', failed: 'Not allowed here' }[copied]
  return (
    <button
      type="button"
      className="copy"
      aria-label={copied === 'no' && !children ? `Copy ${what}` : undefined}
      onClick={() => {
        copy().catch(reportError)
      }}
    >
      <span aria-live="polite">{says}</span>
    </button>
  )
}

export function Id({ id, what }: { id: string; what: string }) {
  return (
    <span className="id">
      <code>{id}</code>
      <Copy text={id} what={what} />
    </span>
  )
}

/** What went wrong, and what to do. */
export function Trouble({ refusal, again }: { refusal: Refusal; again: () => void }) {
  const [leftSeconds, setLeftSeconds] = useState(refusal.retryAfterSeconds ?? 0)
  useEffect(() => {
    setLeftSeconds(refusal.retryAfterSeconds ?? 0)
    const timer = setInterval(() => setLeftSeconds((left) => Math.max(0, left - 1)), 1000)
    return () => clearInterval(timer)
  }, [refusal])
  const titles: Partial<Record<Refusal['code'], string>> = {
    'no-answer': 'No answer',
    'rate-limited': 'Too many attempts',
    'not-ready': 'Not ready',
    'not-found': 'Not found',
    internal: 'The service failed',
  }
  return (
    <div className="trouble" role="alert">
      <h2>{titles[refusal.code] ?? 'This did not work'}</h2>
      <p>{refusal.message}</p>
      <button type="button" disabled={leftSeconds > 0} onClick={again}>
        {leftSeconds > 0 ? `Try again in ${duration(leftSeconds * 1000)}` : 'Try again'}
      </button>
    </div>
  )
}

export function Nothing({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="nothing">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

export function Skeleton({ lines = 3, tall = false }: { lines?: number; tall?: boolean }) {
  return (
    <div className={tall ? 'skeleton tall' : 'skeleton'} role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} />
      ))}
    </div>
  )
}

/** A colour with its pattern, as in the charts. */
export function Swatch({ of }: { of: string }) {
  return (
    <svg className="swatch" width="14" height="14" aria-hidden="true">
      <rect width="14" height="14" rx="3" fill={`url(#p-${of})`} />
    </svg>
  )
}

/** How a session stands: filled once it has ended, a ring as long as Clerk has not said so. */
export function Standing({ record }: { record: SessionRecord }) {
  return (
    <span className={`standing ${record.state}${record.unconfirmed ? ' unconfirmed' : ''}`}>
      {record.state === 'ended' ? (
        <Swatch of={record.reason ?? 'unknown'} />
      ) : (
        <i className="ring" aria-hidden="true" />
      )}
      {standing(record)}
      {record.confidence === 'inferred' && <span className="tag">inferred</span>}
    </span>
  )
}

export interface Choice {
  value: string
  label: string
}

export function Choices({
  label,
  choices,
  value,
  onChoose,
}: {
  label: string
  choices: readonly Choice[]
  value: string
  onChoose: (value: string) => void
}) {
  const name = useId()
  return (
    <fieldset className="choices">
      <legend className="unseen">{label}</legend>
      {choices.map((choice) => (
        <label key={choice.value}>
          <input
            type="radio"
            className="unseen"
            name={name}
            checked={choice.value === value}
            onChange={() => onChoose(choice.value)}
          />
          <span>{choice.label}</span>
        </label>
      ))}
    </fieldset>
  )
}

export function Select({
  label,
  choices,
  value,
  onChoose,
}: {
  label: string
  choices: readonly Choice[]
  value: string
  onChoose: (value: string) => void
}) {
  return (
    <label className="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChoose(event.target.value)}>
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </label>
  )
}

/** A box over the page, which the browser makes the only thing there is until it is closed. */
export function Dialog({
  name,
  className,
  onClose,
  focusAfter,
  children,
}: {
  name: string
  className: string
  onClose: () => void
  /** What has the focus when it is closed; else what had it before. */
  focusAfter?: () => HTMLElement | null
  children: ReactNode
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const after = useRef(focusAfter)
  after.current = focusAfter
  useEffect(() => {
    const element = dialog.current
    const before = document.activeElement
    element?.showModal()
    return () => {
      element?.close()
      const next = after.current?.() ?? before
      if (next instanceof HTMLElement) next.focus()
    }
  }, [])
  return (
    <dialog
      ref={dialog}
      className={className}
      aria-label={name}
      // Esc, or the back gesture of a phone: the browser has closed it. Not when it is taken away by us.
      onClose={() => {
        if (dialog.current) onClose()
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose()
      }}
    >
      <div className="inside">{children}</div>
    </dialog>
  )
}
