/** Charts as SVG. Colour is never alone: each series has a pattern, and each chart a table that says the same. */
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { go } from './context.ts'
import { count, duration } from './formats.ts'
import type { Place } from './place.ts'

/** Okabe and Ito's colours (style.css), and lines that tell them apart in grey too. */
export function Patterns() {
  return (
    <svg className="patterns" aria-hidden="true" width="0" height="0">
      <defs>
        <Pattern of="signed-out" />
        <Pattern of="expired" turned={45}>
          <rect width="2" height="6" className="lines" />
        </Pattern>
        <Pattern of="abandoned" turned={-45}>
          <rect width="3" height="6" className="lines" />
        </Pattern>
        <Pattern of="revoked" turned={45}>
          <rect width="1.5" height="6" className="lines" />
          <rect width="6" height="1.5" className="lines" />
        </Pattern>
        <Pattern of="replaced">
          <circle cx="3" cy="3" r="1.4" className="lines" />
        </Pattern>
        <Pattern of="account-deleted">
          <rect width="6" height="2" className="lines" />
        </Pattern>
        <Pattern of="account-banned">
          <rect width="2" height="6" className="lines" />
        </Pattern>
        <Pattern of="unknown">
          <rect x="1" y="1" width="2.4" height="2.4" className="lines" />
        </Pattern>
        <Pattern of="voluntary" />
        <Pattern of="forced" turned={45}>
          <rect width="2" height="6" className="lines" />
        </Pattern>
      </defs>
    </svg>
  )
}

function Pattern({ of, turned = 0, children }: { of: string; turned?: number; children?: ReactNode }) {
  return (
    <pattern
      id={`p-${of}`}
      width="6"
      height="6"
      patternUnits="userSpaceOnUse"
      patternTransform={`rotate(${turned})`}
    >
      <rect width="6" height="6" className={`c-${of}`} />
      {children}
    </pattern>
  )
}

/** The width that an element has, in CSS pixels. */
function useWidth() {
  const ref = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const element = ref.current
    if (!element) return undefined
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return { ref, width }
}

/** Round numbers up to at least `most`: 4 or 5 of them. */
export function ticksTo(most: number): number[] {
  const rough = Math.max(most, 1) / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = Math.max(1, ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10) * power)
  const last = Math.ceil(Math.max(most, 1) / step) * step
  return Array.from({ length: Math.round(last / step) + 1 }, (_, at) => at * step)
}

export interface Column {
  short: string
  long: string
  /** Where a click leads. */
  to: Place | null
}

export interface Series {
  key: string
  label: string
  counts: readonly number[]
}

const HEIGHT = 260
const PAD = { top: 10, right: 4, bottom: 24, left: 40 }
const LABEL_WIDTH = 58
/** Of `1 h 30 min`. */
const EDGE_WIDTH = 76

/** The first series lies at the bottom. */
export function StackedColumns({
  says,
  columns,
  series,
}: {
  says: string
  columns: Column[]
  series: Series[]
}) {
  const { ref, width } = useWidth()
  const [pointed, setPointed] = useState<number | null>(null)
  const totals = columns.map((_, at) => series.reduce((sum, { counts }) => sum + (counts[at] ?? 0), 0))
  const ticks = ticksTo(Math.max(...totals, 0))
  const top = ticks.at(-1) ?? 1
  const inner = { width: Math.max(0, width - PAD.left - PAD.right), height: HEIGHT - PAD.top - PAD.bottom }
  const slot = inner.width / Math.max(1, columns.length)
  const bar = Math.max(1, Math.min(slot - Math.min(4, slot * 0.25), 56))
  const y = (value: number) => PAD.top + inner.height * (1 - value / top)
  const every = Math.max(1, Math.ceil(LABEL_WIDTH / Math.max(1, slot)))
  const left = (at: number) => PAD.left + slot * at + (slot - bar) / 2
  return (
    <div className="chart" ref={ref} onMouseLeave={() => setPointed(null)}>
      <svg width={width} height={HEIGHT} role="img" aria-label={says}>
        {ticks.map((value) => (
          <g key={value} className="tick">
            <line x1={PAD.left} x2={width - PAD.right} y1={y(value)} y2={y(value)} />
            <text x={PAD.left - 8} y={y(value)} dy="0.35em" textAnchor="end">
              {count(value)}
            </text>
          </g>
        ))}
        {columns.map((column, at) => {
          let below = 0
          return (
            <g key={column.long} className={pointed === at ? 'column pointed' : 'column'}>
              {series.map(({ key, counts }) => {
                const value = counts[at] ?? 0
                if (value === 0) return null
                below += value
                const height = (inner.height * value) / top
                return (
                  <rect
                    key={key}
                    x={left(at)}
                    y={y(below)}
                    width={bar}
                    height={Math.max(1, height - (height > 3 ? 1 : 0))}
                    fill={`url(#p-${key})`}
                  />
                )
              })}
              {at % every === 0 && (
                <text x={left(at) + bar / 2} y={HEIGHT - 6} textAnchor="middle">
                  {column.short}
                </text>
              )}
              <rect
                className={column.to ? 'hit leads' : 'hit'}
                x={PAD.left + slot * at}
                y={PAD.top}
                width={slot}
                height={inner.height}
                onMouseEnter={() => setPointed(at)}
                onClick={() => column.to && go(column.to)}
              />
            </g>
          )
        })}
      </svg>
      {pointed !== null && columns[pointed] && (
        <Tip at={left(pointed) + bar / 2} width={width}>
          <b>{columns[pointed].long}</b>
          <dl>
            {series
              .filter(({ counts }) => (counts[pointed] ?? 0) > 0)
              .toReversed()
              .map(({ key, label, counts }) => (
                <div key={key}>
                  <dt>{label}</dt>
                  <dd>{count(counts[pointed] ?? 0)}</dd>
                </div>
              ))}
            <div>
              <dt>Together</dt>
              <dd>{count(totals[pointed] ?? 0)}</dd>
            </div>
          </dl>
        </Tip>
      )}
    </div>
  )
}

const TIP_WIDTH = 210

function Tip({ at, width, children }: { at: number; width: number; children: ReactNode }) {
  const left = Math.min(Math.max(0, at - TIP_WIDTH / 2), Math.max(0, width - TIP_WIDTH))
  return (
    <div className="tip" style={{ left, width: TIP_WIDTH }} aria-hidden="true">
      {children}
    </div>
  )
}

export interface Bar {
  from_ms: number
  to_ms: number
  count: number
}

export interface Mark {
  label: string
  ms: number
}

const HISTOGRAM_HEIGHT = 190
const MARKS_HEIGHT = 44

/** Bars are of equal width, whatever time they span: their edges are written below. */
export function Histogram({ says, bars, marks }: { says: string; bars: Bar[]; marks: Mark[] }) {
  const { ref, width } = useWidth()
  const [pointed, setPointed] = useState<number | null>(null)
  const most = Math.max(...bars.map((one) => one.count), 1)
  const sum = bars.reduce((total, one) => total + one.count, 0)
  const slot = Math.max(0, width - 2) / Math.max(1, bars.length)
  const floor = HISTOGRAM_HEIGHT - 22
  const height = (value: number) => ((floor - MARKS_HEIGHT) * value) / most
  const every = Math.max(1, Math.ceil(EDGE_WIDTH / Math.max(1, slot)))
  const x = (ms: number) => {
    const at = bars.findIndex((one) => ms < one.to_ms)
    const one = bars[at]
    if (!one) return width
    return slot * (at + Math.max(0, ms - one.from_ms) / (one.to_ms - one.from_ms))
  }
  return (
    <div className="chart" ref={ref} onMouseLeave={() => setPointed(null)}>
      <svg width={width} height={HISTOGRAM_HEIGHT} role="img" aria-label={says}>
        {bars.map((one, at) => (
          <g key={one.from_ms} className={pointed === at ? 'column pointed' : 'column'}>
            <rect
              className="plain"
              x={slot * at + 1}
              y={floor - height(one.count)}
              width={Math.max(1, slot - 2)}
              height={Math.max(one.count > 0 ? 1 : 0, height(one.count))}
            />
            {at % every === 0 && (
              <text x={slot * at + 1} y={HISTOGRAM_HEIGHT - 6} textAnchor="start">
                {one.from_ms === 0 ? '0' : duration(one.from_ms)}
              </text>
            )}
            <rect
              className="hit"
              x={slot * at}
              y={0}
              width={slot}
              height={floor}
              onMouseEnter={() => setPointed(at)}
            />
          </g>
        ))}
        <line className="base" x1={0} x2={width} y1={floor} y2={floor} />
        {marks.map(({ label, ms }, at) => {
          const flips = x(ms) > width - 110
          return (
            <g key={label} className="mark">
              <line x1={x(ms)} x2={x(ms)} y1={4 + at * 14} y2={floor} />
              <text x={x(ms) + (flips ? -5 : 5)} y={12 + at * 14} textAnchor={flips ? 'end' : 'start'}>
                {label} {duration(ms)}
              </text>
            </g>
          )
        })}
      </svg>
      {pointed !== null && bars[pointed] && (
        <Tip at={slot * (pointed + 0.5)} width={width}>
          <b>{edges(bars[pointed])}</b>
          <dl>
            <div>
              <dt>Sessions</dt>
              <dd>{count(bars[pointed].count)}</dd>
            </div>
            <div>
              <dt>Share</dt>
              <dd>{((bars[pointed].count / Math.max(1, sum)) * 100).toFixed(1)} %</dd>
            </div>
          </dl>
        </Tip>
      )}
    </div>
  )
}

export function edges({ from_ms, to_ms }: Bar): string {
  return `${from_ms === 0 ? '0' : duration(from_ms)} – ${duration(to_ms)}`
}

export interface Share {
  key: string
  label: string
  count: number
}

/** One bar, divided; each part with its name and number below. */
export function Divided({ says, shares }: { says: string; shares: Share[] }) {
  const { ref, width } = useWidth()
  const sum = shares.reduce((total, share) => total + share.count, 0)
  let before = 0
  return (
    <div className="chart" ref={ref}>
      <svg width={width} height="26" role="img" aria-label={says}>
        <rect width={width} height="26" rx="5" className="empty" />
        {shares.map(({ key, count: value }) => {
          const x = (width * before) / Math.max(1, sum)
          before += value
          const own = (width * value) / Math.max(1, sum)
          return value === 0 ? null : (
            <rect key={key} x={x} width={Math.max(1, own - 1.5)} height="26" rx="3" fill={`url(#p-${key})`} />
          )
        })}
      </svg>
    </div>
  )
}
