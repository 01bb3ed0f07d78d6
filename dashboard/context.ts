/** What every part of the page knows. */
import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import type { DashboardSettings } from '../api/contract.ts'
import { Refusal, type Api } from './api.ts'
import { changed, hrefOf, placeOf, type Changes, type Place } from './place.ts'
import { isZone, ownZone } from './zones.ts'

interface Reading {
  api: Api
  settings: DashboardSettings
  /** The credential is good no more; the page asks for another. */
  refused: (why: string) => void
}

export const ReadingContext = createContext<Reading | null>(null)

export function useReading(): Reading {
  const reading = useContext(ReadingContext)
  if (!reading) throw new Error('Nobody is signed in here.')
  return reading
}

const moved = new EventTarget()

function subscribe(listener: () => void): () => void {
  moved.addEventListener('moved', listener)
  window.addEventListener('popstate', listener)
  return () => {
    moved.removeEventListener('moved', listener)
    window.removeEventListener('popstate', listener)
  }
}

export function usePlace(): Place {
  const address = useSyncExternalStore(subscribe, () => location.pathname + location.search)
  return useMemo(() => placeOf(location.pathname, location.search), [address])
}

/** `replace`: the back button does not come here again. */
export function go(place: Place, how: 'push' | 'replace' = 'push'): void {
  const href = hrefOf(place)
  if (how === 'replace') history.replaceState(null, '', href)
  else history.pushState(null, '', href)
  moved.dispatchEvent(new Event('moved'))
}

export function change(changes: Changes, how: 'push' | 'replace' = 'push'): void {
  go(changed(placeOf(location.pathname, location.search), changes), how)
}

/** Of the address, else of the browser. */
export function useZone(): string {
  const { params } = usePlace()
  const { tz } = params
  return tz !== undefined && isZone(tz) ? tz : ownZone()
}

interface Clock {
  now: number
  subscribe: (listener: () => void) => () => void
}

const clocks = new Map<number, Clock>()

/** One timer for all who look at it, and none when nobody does. */
function clockOf(everyMs: number): Clock {
  const listeners = new Set<() => void>()
  let timer: ReturnType<typeof setInterval> | undefined
  const clock: Clock = {
    now: Date.now(),
    subscribe: (listener) => {
      listeners.add(listener)
      timer ??= setInterval(() => {
        clock.now = Date.now()
        for (const told of listeners) told()
      }, everyMs)
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
  }
  return clock
}

/** ms since 1970, looked at again and again. */
export function useNow(everyMs = 10_000): number {
  const clock = clocks.get(everyMs) ?? clockOf(everyMs)
  clocks.set(everyMs, clock)
  // Who comes after a pause in which nobody looked does not see the time before it.
  if (Date.now() - clock.now > everyMs) clock.now = Date.now()
  return useSyncExternalStore(clock.subscribe, () => clock.now)
}

export interface Answer<T> {
  /** While another is on its way, the one before. */
  data: T | null
  refusal: Refusal | null
  loading: boolean
  again: () => void
}

interface Known<T> {
  path: string | null
  data: T | null
  refusal: Refusal | null
}

/** What the service answers to a GET; null asks nothing. `everyMs`: asked again while the page is looked at. */
export function useAnswer<T>(path: string | null, everyMs?: number): Answer<T> {
  const { api } = useReading()
  const [known, setKnown] = useState<Known<T>>({ path: null, data: null, refusal: null })
  const [round, setRound] = useState(0)
  const onRefusal = useRefusal()
  useEffect(() => {
    if (path === null) return undefined
    const ending = new AbortController()
    const ask = async () => {
      try {
        const response = await api.get(path, { signal: ending.signal })
        const data = (await response.json()) as T
        setKnown({ path, data, refusal: null })
      } catch (error) {
        if (ending.signal.aborted) return
        const refusal = onRefusal(error)
        setKnown((before) => ({ path, data: before.path === path ? before.data : null, refusal }))
      }
    }
    ask().catch(reportError)
    return () => ending.abort()
  }, [api, path, round, onRefusal])
  useEffect(() => {
    if (everyMs === undefined) return undefined
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') setRound((one) => one + 1)
    }, everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return {
    data: path === null ? null : known.data,
    refusal: known.path === path ? known.refusal : null,
    loading: path !== null && known.path !== path,
    again: () => {
      setKnown((before) => ({ ...before, path: null, refusal: null }))
      setRound((one) => one + 1)
    },
  }
}

/** Neither the key nor the session lets anybody read. */
export function isNoReader({ code }: Refusal): boolean {
  return code === 'unauthorized' || code === 'forbidden'
}

/** Who is no reader any more has to sign in again; everything else is shown where it happened. */
export function useRefusal(): (error: unknown) => Refusal {
  const { refused } = useReading()
  return useMemo(
    () => (error) => {
      if (!(error instanceof Refusal)) throw error
      if (isNoReader(error)) refused(error.message)
      return error
    },
    [refused],
  )
}
