/**
 * The image that Dockerfile describes, made and run without an engine: every instruction is carried out in a root of its
 * own, laid over this machine's (overlayfs, chroot, namespaces; Linux and root only). This machine with this Node stands
 * for the base image; everything above that is as in a real one.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ROOT } from './documents.ts'
import { contextFiles, stagesOf, type Step } from './dockerfile.ts'

export interface Image {
  /** What its last stage adds to the base image: a folder. */
  layer: string
  env: Record<string, string>
  folder: string
  user: string
  volumes: string[]
  entrypoint: string[]
  command: string[]
  healthcheck: string[]
}

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Of the environment, what npm needs where a registry is behind a proxy or an authority of its own. */
const PASSED_ON = ['NODE_EXTRA_CA_CERTS', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'npm_config_registry']

/** What is missing here to make and run an image; null: nothing. */
export function whyNoImage(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'it needs root on Linux'
  const { status, stderr } = spawnSync('unshare', ['--mount', '--pid', '--fork', 'setpriv', '--version'])
  return status === 0 ? null : `namespaces cannot be had: ${String(stderr)}`
}

/** Carries out the Dockerfile, with a layer for each stage in `folder`. @throws {Error} with what a command printed. */
export function buildImage(folder: string): Image {
  const built = new Map<string, Image>()
  const stages = stagesOf()
  for (const [at, stage] of stages.entries()) {
    const layer = join(folder, `stage-${at}`)
    layBase(layer)
    const image: Image = { ...EMPTY, layer, env: { PATH: SYSTEM_PATH } }
    for (const step of stage.instructions) carryOut(step, image, built)
    built.set(stage.name ?? '', image)
  }
  const image = built.get('')
  if (!image) throw new Error('Dockerfile ends with a stage that has a name.')
  return image
}

const EMPTY = { folder: '/', user: '0:0', volumes: [], entrypoint: [], command: [], healthcheck: [] }

/** As in Debian's images of Node: a place for its program, which is bound there, and the user 1000. */
function layBase(layer: string): void {
  mkdirSync(join(layer, 'usr/local/bin'), { recursive: true })
  mkdirSync(join(layer, 'etc'))
  writeFileSync(join(layer, 'usr/local/bin/node'), '')
  cpSync('/etc/passwd', join(layer, 'etc/passwd'))
  appendFileSync(join(layer, 'etc/passwd'), 'node:x:1000:1000::/home/node:/bin/sh\n')
}

function carryOut(step: Step, image: Image, built: ReadonlyMap<string, Image>): void {
  switch (step.does) {
    case 'WORKDIR':
      image.folder = resolve(image.folder, step.text)
      mkdirSync(join(image.layer, image.folder), { recursive: true })
      return
    case 'ENV':
      Object.assign(image.env, step.variables)
      return
    case 'COPY':
      copy(step, image, step.from === null ? null : built.get(step.from))
      return
    case 'RUN':
      runIn(image, step.text)
      return
    case 'USER':
      image.user = step.text
      return
    case 'VOLUME':
      image.volumes = [...image.volumes, step.text]
      return
    case 'ENTRYPOINT':
      image.entrypoint = step.command
      return
    case 'CMD':
      image.command = step.command
      return
    case 'HEALTHCHECK':
      image.healthcheck = step.command
      return
    case 'EXPOSE':
  }
}

type CopyStep = Extract<Step, { does: 'COPY' }>

/** A folder's contents, or a file under its own name where the target is a folder. */
function copy({ sources, to }: CopyStep, image: Image, from: Image | null | undefined): void {
  const target = join(image.layer, resolve(image.folder, to))
  if (from) {
    for (const source of sources) cpSync(join(from.layer, source), target, COPYING)
    return
  }
  const files = contextFiles()
  for (const source of sources) {
    const named = source === '.' ? files : files.filter((path) => path === source)
    if (named.length === 0) throw new Error(`COPY ${source}: no such file in the context.`)
    for (const path of named) cpSync(join(ROOT, path), join(target, path), COPYING)
  }
}

const COPYING = { recursive: true, verbatimSymlinks: true }

/** What Docker does for `RUN`, with the network of this machine. */
function runIn(image: Image, command: string): void {
  const passed = Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]]))
  const args = enterArgs(image, { folder: image.folder, data: '', limits: '', user: image.user })
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', ...args, 'sh', '-c', command], {
    env: { HOME: '/root', ...passed, ...image.env },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`RUN ${command}: ${status}\n${stdout}${stderr}`)
}

const ALL_LIMITS = '--no-new-privs --bounding-set=-all --inh-caps=-all'

/** In a new mount namespace: the layer over this machine's root; with a data folder, nothing else can be written. */
const ENTER = `
layer=$1; node=$2; data=$3; limits=$4; user=$5; folder=$6; shift 6
mkdir -p "$layer-work" "$layer-root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer,workdir=$layer-work" "$layer-root"
mount --bind "$node" "$layer-root/usr/local/bin/node"
mount --bind /dev "$layer-root/dev"
mount -t proc proc "$layer-root/proc"
if [ -n "$data" ]; then
  mount --bind "$data" "$layer-root/data"
  mount -o remount,ro "$layer-root"
  mount -o remount,bind,ro "$layer-root/dev"
fi
exec chroot "$layer-root" \\
  setpriv --reuid "\${user%:*}" --regid "\${user#*:}" --clear-groups $limits env -C "$folder" "$@"`

interface Entering {
  folder: string
  data: string
  limits: string
  user: string
}

function enterArgs({ layer }: Image, { folder, data, limits, user }: Entering): string[] {
  return ['sh', '-ec', ENTER, 'sh', layer, process.execPath, data, limits, user, folder]
}

export interface RunOptions {
  /** Stands for the volume at /data. */
  data: string
  /** Instead of the image's own: what follows the entry point. */
  command?: readonly string[]
  /** Instead of the entry point, as in `docker exec`. */
  entrypoint?: readonly string[]
  env?: Record<string, string>
  user?: string
}

/**
 * What `docker run --read-only --cap-drop ALL` does: the image's program as the first process of its namespace, and no
 * place to write but the volume. The child given is `unshare`, which ends as that process does, and passes no signal on.
 */
export function runImage(image: Image, options: RunOptions): ChildProcess {
  const { data, command = image.command, entrypoint = image.entrypoint, env, user = image.user } = options
  const args = enterArgs(image, { folder: image.folder, data, limits: ALL_LIMITS, user })
  const program = [...entrypoint, ...command]
  return spawn('unshare', ['--mount', '--pid', '--fork', ...args, ...program], {
    env: { ...image.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** What `docker exec` does: another program in the namespaces of a container, whose first process is `pid`. */
export function execIn(
  image: Image,
  { pid, env, user = image.user }: Pick<RunOptions, 'env' | 'user'> & { pid: number },
  program: readonly string[],
): ChildProcess {
  const [uid = '', gid = ''] = user.split(':')
  const limits = ['setpriv', '--reuid', uid, '--regid', gid, '--clear-groups', ...ALL_LIMITS.split(' ')]
  const entering = ['--target', String(pid), '--mount', '--pid', '--root', `--wdns=${image.folder}`]
  return spawn('nsenter', [...entering, ...limits, ...program], {
    env: { ...image.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** The process that runs in the image, to which Docker sends its signals. Only once it has written something. */
export function firstProcess(container: ChildProcess): number {
  const children = readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, 'utf8')
  return Number(children.trim())
}
