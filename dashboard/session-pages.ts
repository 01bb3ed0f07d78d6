/** The session list, a page after the other. */
import { useCallback, useEffect, useRef, useState } from 'react'
import type { SessionPage, SessionRecord } from '../api/contract.ts'
import type { Refusal } from './api.ts'
import { useReading, useRefusal } from './context.ts'

export interface SessionPages {
  items: SessionRecord[]
  /** There is more to ask for. */
  more: boolean
  loading: boolean
  refusal: Refusal | null
  next: () => void
  again: () => void
}

interface Known {
  query: string
  items: SessionRecord[]
  /** Null: that was all. */
  cursor: string | null
  refusal: Refusal | null
}

const LIMIT = 50

export function useSessionPages(query: string): SessionPages {
  const { api } = useReading()
  const onRefusal = useRefusal()
  const [known, setKnown] = useState<Known | null>(null)
  const [asking, setAsking] = useState(false)
  const [round, setRound] = useState(0)
  const ending = useRef<AbortController | null>(null)

  const ask = useCallback(
    async (before: Known | null) => {
      ending.current?.abort()
      const { signal } = (ending.current = new AbortController())
      const asked = new URLSearchParams(query)
      asked.set('limit', String(LIMIT))
      if (before?.cursor) asked.set('cursor', before.cursor)
      setAsking(true)
      try {
        const response = await api.get(`/v1/sessions?${asked}`, { signal })
        const { items, next_cursor } = (await response.json()) as SessionPage
        setKnown({ query, items: [...(before?.items ?? []), ...items], cursor: next_cursor, refusal: null })
      } catch (error) {
        if (signal.aborted) return
        setKnown({
          query,
          items: before?.items ?? [],
          cursor: before?.cursor ?? null,
          refusal: onRefusal(error),
        })
      }
      setAsking(false)
    },
    [api, query, onRefusal],
  )

  useEffect(() => {
    ask(null).catch(reportError)
    return () => ending.current?.abort()
  }, [ask, round])

  const current = known?.query === query ? known : null
  return {
    items: current?.items ?? [],
    more: current?.cursor !== null && current?.cursor !== undefined,
    loading: asking || !current,
    refusal: current?.refusal ?? null,
    next: () => {
      if (!asking && current?.cursor) ask(current).catch(reportError)
    },
    again: () => {
      if (current && current.items.length > 0) ask({ ...current, refusal: null }).catch(reportError)
      else {
        setKnown(null)
        setRound((one) => one + 1)
      }
    },
  }
}
