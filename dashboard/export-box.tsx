/** All sessions that fit the filters, as a file. */
import { useEffect, useRef, useState } from 'react'
import { Refusal } from './api.ts'
import { useReading, useRefusal } from './context.ts'
import { curlOf, EXPORT_LIMIT_BYTES, takeExport } from './export.ts'
import { Copy, Dialog, Trouble } from './parts.tsx'

type Format = 'csv' | 'ndjson'
type Phase =
  | { is: 'ready' | 'done' | 'too-large' | 'broken-off' }
  | { is: 'taking'; format: Format }
  | { is: 'refused'; refusal: Refusal }

export function ExportBox({ query, onClose }: { query: string; onClose: () => void }) {
  const { api } = useReading()
  const onRefusal = useRefusal()
  const [phase, setPhase] = useState<Phase>({ is: 'ready' })
  const [format, setFormat] = useState<Format>('csv')
  const ending = useRef(new AbortController())
  useEffect(() => {
    ending.current = new AbortController()
    return () => ending.current.abort()
  }, [])
  const path = `/v1/exports/sessions?${new URLSearchParams([['format', format], ...new URLSearchParams(query)])}`
  const take = async () => {
    setPhase({ is: 'taking', format })
    try {
      const taken = await takeExport(await api.get(path, { signal: ending.current.signal }))
      if (taken.is === 'whole') save(taken.blob, taken.name)
      setPhase({ is: taken.is === 'whole' ? 'done' : taken.is })
    } catch (error) {
      if (ending.current.signal.aborted) return
      setPhase(error instanceof Refusal ? { is: 'refused', refusal: onRefusal(error) } : { is: 'broken-off' })
    }
  }
  const start = () => {
    take().catch(reportError)
  }
  return (
    <Dialog name="Export" className="box" onClose={onClose}>
      <h2>Export</h2>
      <p>
        Every session that fits the filters as they stand, not only those on the page. That you export is
        recorded in the trail.
      </p>
      <fieldset className="choices">
        <legend className="unseen">Format</legend>
        {(['csv', 'ndjson'] as const).map((one) => (
          <label key={one}>
            <input
              type="radio"
              className="unseen"
              name="format"
              checked={format === one}
              onChange={() => setFormat(one)}
            />
            <span>{one.toUpperCase()}</span>
          </label>
        ))}
      </fieldset>
      <p className="row">
        <button type="button" className="main" disabled={phase.is === 'taking'} onClick={start}>
          {phase.is === 'taking' ? 'Taking …' : `Save as ${format.toUpperCase()}`}
        </button>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </p>
      <div aria-live="polite">
        {phase.is === 'done' && (
          <p className="note">Saved. The last line of the file says that it is whole.</p>
        )}
        {phase.is === 'too-large' && (
          <p className="note warn">
            It is larger than {EXPORT_LIMIT_BYTES / 1_000_000} MB, too large for a page: take it with this
            command.
          </p>
        )}
        {phase.is === 'broken-off' && (
          <p className="note warn">
            The answer broke off, so nothing was saved. Try again, or take this command.
          </p>
        )}
      </div>
      {phase.is === 'refused' && <Trouble refusal={phase.refusal} again={start} />}
      <h3>In a shell</h3>
      <p className="quiet">
        For any size; <code>READER_KEY</code> is your key.
      </p>
      <pre>
        <code>{curlOf(location.origin + path, `sessions.${format}`)}</code>
      </pre>
      <Copy text={curlOf(location.origin + path, `sessions.${format}`)} what="the command">
        Copy the command
      </Copy>
    </Dialog>
  )
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}
