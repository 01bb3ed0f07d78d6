/** What strace saw of a process: its calls of the operating system, in order. */
import { spawnSync } from 'node:child_process'

export interface Call {
  name: string
  /** Arguments and result, as strace writes them. */
  text: string
  /** At which line of the log the call began, and at which it had returned: the same when nothing came between. */
  begin: number
  end: number
  failed: boolean
}

/** Bytes of each string that strace shows: a page of SQLite is 4096. */
const SHOWN_BYTES = 4200

const CALLS = 'read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync'

/**
 * With `-D` the command is our own child, as without strace, and gets our signals; `-y` writes out what a descriptor
 * leads to.
 */
const OPTIONS = ['-D', '-f', '-y', '-s', String(SHOWN_BYTES), '-e', `trace=${CALLS}`]

/** The command before a command whose calls are to be written to `log`. */
export function straceTo(log: string): string[] {
  return ['strace', ...OPTIONS, '-o', log]
}

/** Why strace cannot be used here, and what to do; false when it can. */
export function straceMissing(): string | false {
  const { error, stderr } = spawnSync('strace', [...OPTIONS, 'true'], { encoding: 'utf8' })
  if (error) return 'strace is not installed: apt-get install strace (Linux only).'
  // With -D the command may run untraced, and end well: what strace wrote of it counts.
  if (stderr.includes('+++ exited with 0 +++')) return false
  const said = stderr.trim().replaceAll('\n', '; ')
  return `strace may not trace here (in a container: --cap-add=SYS_PTRACE): ${said}`
}

/**
 * Reads the log of `straceTo`. Lines look like this, one process or thread each:
 *
 *     10041 fsync(29</srv/trail.db-wal> <unfinished ...>
 *     10028 read(36<socket:[823426]>, "DELETE …", 65536) = 938
 *     10041 <... fsync resumed>)              = 0
 */
export function callsIn(log: string): Call[] {
  const calls: Call[] = []
  const unfinished = new Map<string, { text: string; begin: number }>()
  for (const [at, line] of log.split('\n').entries()) {
    const [, thread = '', what = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const [, begun] = /^(.*) <unfinished \.\.\.>$/.exec(what) ?? []
    if (begun !== undefined) {
      unfinished.set(thread, { text: begun, begin: at })
      continue
    }
    const [, resumed] = /^<\.\.\. \w+ resumed>(.*)$/.exec(what) ?? []
    const before = resumed === undefined ? { text: '', begin: at } : unfinished.get(thread)
    const text = (before?.text ?? '') + (resumed ?? what)
    const [, name] = /^(\w+)\(/.exec(text) ?? []
    if (name) calls.push({ name, text, begin: before?.begin ?? at, end: at, failed: !/ = \d+$/.test(text) })
  }
  return calls
}

/** `socket:[823426]`, `/srv/trail.db-wal`: what the call's first argument leads to. */
export function targetOf({ text }: Call): string {
  return /^\w+\(\d+<(.*?)>[,)]/.exec(text)?.[1] ?? ''
}
