// The command lines that put a program into a namespace and under an account. They contain paths and no secret: command lines
// can be read by everybody on this host.
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { comparing } from './identity.ts'
import type { Identity } from './identity.ts'
import type { Account, Mount, NamespaceTool } from './isolation.ts'

/** The limits of a run. Generous: a compiler or a browser under an agent stays below, a fork bomb or a full disk does not. */
const MAX_PROCESSES = 4096
const MAX_FILE_BYTES = 16 * 1024 ** 3

const SYSTEM_FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin']
/** The wrapper's own environment. The run's would be executed with the rights of the server: `LD_PRELOAD`. */
export const WRAPPER_ENVIRONMENT: Readonly<Record<string, string>> = { PATH: SYSTEM_FOLDERS.join(':') }

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A program of the system, never one that an agent could put into a PATH. */
export const systemProgram = (name: string): string | null =>
  SYSTEM_FOLDERS.map((folder) => path.join(folder, name)).find(isExecutable) ?? null

/** A program with its arguments. */
export type CommandLine = readonly string[]

/** The content of a namespace, and the folder in which its first program starts. */
export interface Namespace {
  readonly tool: NamespaceTool
  readonly mounts: readonly Mount[]
  /** The files that some of the mounts have to show, or the command does not start. */
  readonly identities?: readonly Identity[]
  readonly cwd: string
}

/** Runs a program under another account, without capabilities, without further groups, and without a way to more rights. */
const underAccount = ({ uid, gid }: Account): CommandLine => [
  systemProgram('setpriv') ?? 'setpriv',
  '--reuid',
  String(uid),
  '--regid',
  String(gid),
  '--clear-groups',
  '--no-new-privs',
  '--bounding-set=-all',
  '--inh-caps=-all',
  '--ambient-caps=-all',
  '--',
]

const withoutNewPrivileges: CommandLine = [systemProgram('setpriv') ?? 'setpriv', '--no-new-privs', '--']

/**
 * The last step: takes the limits of a run, and reads the run's environment from a file, because a command line would show the token to
 * everybody. It runs with the rights of the run, and before anything that the run names. A shell does it all, because each program that is
 * executed before that of the run delays it. The limit of processes has two names in shells, that of files counts blocks of 512 bytes.
 * `RLIMIT_AS` is left alone: node and its kin reserve more addresses than any machine has memory.
 */
const LAST_STEP = `ulimit -c 0 && ulimit -f ${MAX_FILE_BYTES / 512} && { ulimit -u ${MAX_PROCESSES} 2>/dev/null || ulimit -p ${MAX_PROCESSES}; } || exit 126
umask 077; . "$1"; shift; exec "$@"`
export const withEnvironmentFile = (file: string, command: CommandLine): CommandLine => ['/bin/sh', '-c', LAST_STEP, 'sh', file, ...command]

/** The folders above a path, from the outside in. Named one by one, because bubblewrap closes those that it makes by itself. */
function foldersAbove(target: string): string[] {
  const folder = path.dirname(target)
  return folder === '/' ? [] : [...foldersAbove(folder), folder]
}

function bubblewrapMounts(mounts: readonly Mount[]): string[] {
  const made = new Set<string>()
  return mounts.flatMap((mount) => {
    const above = foldersAbove(mount.target).filter((folder) => !made.has(folder))
    for (const folder of [...above, mount.target]) made.add(folder)
    const entry =
      mount.kind === 'link'
        ? ['--symlink', mount.to, mount.target]
        : [mount.isReadOnly ? '--ro-bind' : '--bind', mount.source, mount.target]
    return [...above.flatMap((folder) => ['--dir', folder]), ...entry]
  })
}

const bubblewrap = ({ tool, mounts, identities = [], cwd }: Namespace, account: Account | null, command: CommandLine): CommandLine => [
  tool.file,
  '--die-with-parent',
  '--unshare-pid',
  '--unshare-ipc',
  '--unshare-uts',
  // Root gives its three capabilities away in the next step; an ordinary user has none to give.
  ...(account === null ? ['--unshare-user'] : ['--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID', '--cap-add', 'CAP_SETPCAP']),
  '--proc',
  '/proc',
  '--dev',
  '/dev',
  ...bubblewrapMounts(mounts),
  '--chdir',
  cwd,
  '--',
  ...comparing(identities),
  ...(account === null ? withoutNewPrivileges : underAccount(account)),
  ...command,
]

/**
 * Builds the root of a namespace with the tools of util-linux. It is the first process of the namespace and stays there: when
 * the program ends it ends, and everything else in the namespace ends with it.
 * Arguments: the folder for the new root, the working folder, the mounts as kind, source and target, `--`, the command.
 */
const BUILD_ROOT = `
set -e; root=$1; cwd=$2; shift 2
mount -t tmpfs -o mode=755,nosuid,nodev paperclip "$root"
mkdir "$root/proc" "$root/dev" "$root/old"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=755,nosuid paperclip "$root/dev"
mkdir "$root/dev/shm" && chmod 1777 "$root/dev/shm"
for device in null zero full random urandom tty; do : > "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
ln -s /proc/self/fd "$root/dev/fd"; ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"; ln -s /proc/self/fd/2 "$root/dev/stderr"
while [ "$1" != -- ]; do
  kind=$1; source=$2; target=$root$3; shift 3
  mkdir -p "\${target%/*}"
  if [ "$kind" = link ]; then ln -s "$source" "$target"; continue; fi
  if [ -d "$source" ]; then mkdir -p "$target"; elif [ ! -e "$target" ]; then : > "$target"; fi
  mount --rbind "$source" "$target"
  if [ "$kind" = ro ]; then
    mount -o remount,bind,ro,nosuid,nodev "$target" 2>/dev/null || mount -o remount,bind,ro,nosuid,nodev,noexec "$target"
  fi
done
shift
cd "$root"; pivot_root . old; umount -l /old; rmdir /old; mount -o remount,bind,ro,nosuid,nodev / ; cd "$cwd"
set +e; "$@"; exit $?`

const unshareMount = (mount: Mount): string[] =>
  mount.kind === 'link' ? ['link', mount.to, mount.target] : [mount.isReadOnly ? 'ro' : 'rw', mount.source, mount.target]

/** @param rootFolder an empty folder on which the new root is mounted, in the namespace only */
const unshare = (namespace: Namespace, account: Account | null, command: CommandLine, rootFolder: string): CommandLine => {
  const { tool, mounts, identities = [], cwd } = namespace
  const { uid, gid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  return [
    // The namespace ends with this server, as bubblewrap's does.
    systemProgram('setpriv') ?? 'setpriv',
    '--pdeathsig',
    'KILL',
    '--',
    tool.file,
    ...(account === null ? ['--user', '--map-root-user'] : []),
    '--mount',
    '--pid',
    '--ipc',
    '--uts',
    '--fork',
    '--kill-child',
    '--',
    '/bin/sh',
    '-c',
    BUILD_ROOT,
    'sh',
    rootFolder,
    cwd,
    ...mounts.flatMap(unshareMount),
    '--',
    ...comparing(identities),
    // A second user namespace: the run gets its own user id back, and no capability over the mounts.
    ...(account === null
      ? [tool.file, '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--', ...withoutNewPrivileges]
      : underAccount(account)),
    ...command,
  ]
}

/** The layers around a command. */
export interface Wrapping {
  readonly account: Account | null
  readonly namespace: Namespace | null
  /** An empty folder of the run, for tools that need one to mount on. */
  readonly rootFolder: string
}

/** The command line that runs a command in a namespace, under an account, or both. */
export function wrap({ account, namespace, rootFolder }: Wrapping, command: CommandLine): CommandLine {
  if (namespace === null) return account === null ? command : [...underAccount(account), ...command]
  return namespace.tool.name === 'bubblewrap' ? bubblewrap(namespace, account, command) : unshare(namespace, account, command, rootFolder)
}
