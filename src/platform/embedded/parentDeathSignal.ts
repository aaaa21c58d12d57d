import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import type { Account } from './account.ts'
import { asAccount } from './account.ts'

/**
 * The mechanism that ends a child process when this process ends, even by SIGKILL. `setpriv`: the parent-death signal of
 * the kernel. `pipe`: a shell that reads from a pipe, which the kernel closes when this process ends.
 */
export type DeathSignal = 'setpriv' | 'pipe'

/**
 * Finds out which mechanism this machine offers. `setpriv` is executed and not just looked up, because the `setpriv` of
 * BusyBox does not have the option.
 */
export async function detectDeathSignal(): Promise<DeathSignal> {
  return new Promise((resolve) => {
    execFile('setpriv', ['--pdeathsig', 'INT', '--', 'true'], (error) => resolve(error === null ? 'setpriv' : 'pipe'))
  })
}

export interface SpawnOptions {
  readonly deathSignal: DeathSignal
  readonly file: string
  readonly arguments: readonly string[]
  readonly account: Account | null
  /** File descriptor for the output of the child. */
  readonly output: number
  /** File descriptor for its input, at its beginning; without one it has none. */
  readonly input?: number
}

/**
 * Spawns a program that gets SIGINT when this process ends. The child's pid is that of the program itself.
 *
 * - `detached`: Ctrl-C in the terminal reaches only this process, which then ends the child in its own order.
 * - `cwd` is `/`: the account may not be allowed into the folder of this process.
 * - Almost no environment: PGOPTIONS, PGDATA or a locale of this process would change the database.
 */
export function spawnWithDeathSignal({ deathSignal, file, arguments: args, account, output, input }: SpawnOptions): ChildProcess {
  const options = {
    cwd: '/',
    detached: true,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    ...asAccount(account),
  }
  if (deathSignal === 'setpriv') {
    const wrapped = ['--pdeathsig', 'INT', '--', '/bin/sh', '-c', UNLESS_ORPHANED, 'sh', String(process.pid), file, ...args]
    return spawn('setpriv', wrapped, { ...options, stdio: [input ?? 'ignore', output, output] })
  }
  const child = spawn('/bin/sh', ['-c', WITH_WATCHER, 'sh', file, ...args], {
    ...options,
    stdio: [input ?? 'ignore', output, output, 'pipe'],
  })
  keepPipeOpen(child)
  return child
}

// When this process ends between the fork and the system call of setpriv, no signal would ever be sent, so the shell
// checks its parent. Node sets uid and gid before setpriv runs, which is the order that is needed: the kernel clears the
// parent-death signal whenever a process changes its identity.
const UNLESS_ORPHANED = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'

// The watcher is a grandchild that init adopts, because Postgres treats the exit of any unknown child as a crash. A line
// in the pipe means that the program has exited and that its pid may belong to another process. The end of the pipe
// without a line means that this process has ended.
const WITH_WATCHER = '( ( read -r _ <&3 || kill -INT $$ ) >/dev/null 2>&1 & ); exec 3<&-; exec "$@"'

function keepPipeOpen(child: ChildProcess): void {
  const pipe = child.stdio[3]
  if (!(pipe instanceof Socket)) return
  // The watcher may have been killed. A failed write to it is not an error.
  pipe.on('error', () => undefined)
  pipe.unref()
  child.once('exit', () => pipe.end('\n'))
}
