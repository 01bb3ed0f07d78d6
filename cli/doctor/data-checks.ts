/** The trail, the records made from it, and the disk they are on. */
import { viewsPathOf, viewsVersion } from '../../session-ends/views-schema.ts'
import { fine, info, warning, wrong, type Verdict } from './check.ts'
import type { DataFacts, Failure, FileFacts } from './facts.ts'
import { counted, size } from './words.ts'

export function service({ running, trailPath }: DataFacts): Verdict {
  if ('failed' in running) return ofFailure(running)
  return info(running.found ? `running: it holds ${trailPath}.lock` : 'not running')
}

/** `issuer`: the one that is configured; null when that is not known. */
export function trail({ trail, trailPath, files, running }: DataFacts, issuer: string | null): Verdict {
  if ('failed' in trail) return ofFailure(trail)
  if (!trail.found) return noTrail({ trailPath, files, running })
  const { head } = trail.found
  if (issuer !== null && head.issuer !== issuer) {
    return wrong(
      `${trailPath} is of ${head.issuer}, and Clerk is configured as ${issuer}`,
      'Give another Clerk instance a trail of its own, by another DATABASE_URL; the service does not start with this one.',
    )
  }
  const entries = head.nextIndex === 1 ? '1 entry' : counted(head.nextIndex, 'entry', 'entries')
  return fine(
    `${entries} in ${trailPath}, schema version ${head.schemaVersion}, epoch ${head.epoch}, id ${head.trailId}`,
  )
}

function noTrail({ trailPath, files, running }: Pick<DataFacts, 'trailPath' | 'files' | 'running'>): Verdict {
  if ('found' in running && running.found) {
    return wrong(
      `${trailPath} is gone while the service runs`,
      'Put the file back (a copy of it needs a restart of the service): nothing is recorded meanwhile.',
    )
  }
  if (seen(files).some(({ is, bytes }) => is === 'trail log' && bytes > 0)) {
    return wrong(
      `${trailPath} is missing, but its write-ahead log is there`,
      'Restore a backup, or move the log away to begin a new trail.',
    )
  }
  return info(`none yet at ${trailPath}: the first start of the service begins it`)
}

export function records({ trail, records, files, running, trailPath }: DataFacts): Verdict {
  if ('failed' in records) return ofFailure(records)
  const entries = 'found' in trail ? (trail.found?.head.nextIndex ?? 0) : 0
  if (!records.found) {
    if (seen(files).some(({ is }) => is === 'records')) return otherVersion(trailPath)
    if ('failed' in trail) return info('not known: the trail cannot be read')
    if (entries === 0) return info('none yet')
    return warning('none, beside a trail with entries', MAKE_RECORDS)
  }
  const { position, behind, moves, rewound } = records.found
  if (rewound !== null) {
    const fix =
      'If a backup was restored on purpose: logout-trail rebuild --accept-restore. Else find out who replaced the trail; the service does not start.'
    return wrong(rewound.split('. ')[0] ?? rewound, fix)
  }
  const found = `of ${counted(position.nextIndex, 'entry', 'entries')}, version ${viewsVersion}`
  if (behind === 0) return fine(`${found}, not behind the trail`)
  const late = `${found}, ${counted(behind, 'entry', 'entries')} behind the trail`
  if (moves) return fine(`${late}, and catching up`)
  if ('found' in running && running.found)
    return wrong(
      `${late}, and standing still although the service runs`,
      'The log of the service says why. Restart it; if that does not help, stop it and run logout-trail rebuild.',
    )
  return warning(late, MAKE_RECORDS)
}

const MAKE_RECORDS = 'Start the service, which takes them in, or run logout-trail rebuild.'

function otherVersion(trailPath: string): Verdict {
  return warning(
    `${viewsPathOf(trailPath)} is empty, or of another version than ${viewsVersion}`,
    'Start the service, which makes the records anew, or run logout-trail rebuild.',
  )
}

/** What the trail says of itself has what to do about it in its second half; docs/OPERATE.md says more. */
export function ofFailure({ failed, code }: Failure): Verdict {
  const [found = failed, ...fix] = failed.split('; ')
  const more = code === null ? NOT_OURS : `docs/OPERATE.md says what to do about ${code}.`
  return wrong(found, fix.length > 0 ? sentence(fix.join('; ')) : more)
}

const NOT_OURS = 'Run doctor as the user that the service runs as, in its folder.'

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

const notSeen = info('not known: the files cannot be seen')

function seen(files: DataFacts['files']): FileFacts[] {
  return 'failed' in files ? [] : files.found
}

const OTHERS = 0o077

export function permissions({ files }: DataFacts): Verdict {
  if ('failed' in files) return notSeen
  if (files.found.length === 0) return info('no files yet')
  const open = files.found.filter(({ mode }) => (mode & OTHERS) !== 0)
  if (open.length === 0) return fine('the files are for their own user only')
  const named = open.map(({ path, mode }) => `${path} (${mode.toString(8)})`)
  return warning(
    `others may use ${named.join(', ')}`,
    `The trail names people: chmod 600 ${open.map(({ path }) => path).join(' ')}`,
  )
}

const GIB = 1024 ** 3
const LEAST_FREE_BYTES = GIB
const LEAST_FREE_SHARE = 0.05

export function disk({ disk, files }: DataFacts): Verdict {
  if ('failed' in disk) return ofFailure(disk)
  const { freeBytes, totalBytes } = disk.found
  const share = freeBytes / totalBytes
  const used = [bytesOf(seen(files), 'trail'), bytesOf(seen(files), 'records')].join('')
  const found = `${size(freeBytes)} free (${(share * 100).toFixed(0)} %)${used}`
  if (freeBytes >= LEAST_FREE_BYTES && share >= LEAST_FREE_SHARE) return fine(found)
  return warning(
    found,
    'Make room, or move the trail to a larger volume (stop the service, then DATABASE_URL). On a full disk logouts are answered and not recorded.',
  )
}

/** With its write-ahead log, which may be larger than the file itself. */
function bytesOf(files: readonly FileFacts[], is: 'trail' | 'records'): string {
  const own = files.filter((one) => one.is === is || one.is === `${is} log`)
  return own.length === 0 ? '' : `, ${is} ${size(own.reduce((sum, { bytes }) => sum + bytes, 0))}`
}

/** `journal_size_limit` of the trail: it is cut back to this when it is begun anew. */
const LONG_LOG_BYTES = 64 * 1024 ** 2

export function writeAheadLog({ files }: DataFacts): Verdict {
  if ('failed' in files) return notSeen
  const log = files.found.find(({ is }) => is === 'trail log')
  if (!log || log.bytes === 0) return info(log ? 'empty' : 'none')
  if (log.bytes <= LONG_LOG_BYTES) return fine(size(log.bytes))
  return warning(
    `${log.path} has ${size(log.bytes)}`,
    'Something keeps it from being taken into the trail: a program that reads for long (a backup, an SQLite shell left open), or a disk that is slower than the load. End that program; the next checkpoint takes it in.',
  )
}

export function coverage({ figures }: DataFacts): Verdict {
  if ('failed' in figures) return notKnown
  const { sessions, ended } = figures.found?.coverage ?? { sessions: 0, ended: 0 }
  if (sessions === 0) return info('no session that was seen to begin must be over by now')
  const share = ((ended / sessions) * 100).toFixed(1)
  const found = `${share} %: of ${counted(sessions, 'session')} that must be over, ${ended.toLocaleString('en')} have an end`
  return info(found, ended < sessions ? 'logout-trail coverage lists the others.' : null)
}

export function unconfirmed({ figures }: DataFacts): Verdict {
  if ('failed' in figures) return notKnown
  const logouts = figures.found?.unconfirmed ?? 0
  if (logouts === 0) return info('none')
  return info(
    `${counted(logouts, 'logout')} asked for over 10 minutes ago, not confirmed by Clerk`,
    'Sessions live on when a browser was offline; many of them mean that webhooks are missing.',
  )
}

export const notKnown = info('not known: the session records cannot be read')
