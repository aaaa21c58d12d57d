import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import type { Account } from './account.ts'
import { asAccount } from './account.ts'

/**
 * What makes a child die with us even when we are SIGKILLed and run no code any more: the kernel's parent death signal,
 * or a shell that reads from a pipe which the kernel closes on our death.
 */
export type DeathSignal = 'setpriv' | 'pipe'

/**
 * Which of the two this machine offers. `setpriv` is tried and not just looked for, because the one of BusyBox
 * exists and does not know the option.
 */
export async function detectDeathSignal(): Promise<DeathSignal> {
  return new Promise((resolve) => {
    execFile('setpriv', ['--pdeathsig', 'INT', '--', 'true'], (error) => resolve(error === null ? 'setpriv' : 'pipe'))
  })
}

interface SpawnOptions {
  readonly deathSignal: DeathSignal
  readonly file: string
  readonly arguments: readonly string[]
  readonly account: Account | null
  /** File descriptor that receives what the child prints. */
  readonly output: number
}

/**
 * Spawns a program that gets SIGINT when we die. The child's pid is the program's own. `detached`, so that Ctrl-C in
 * the terminal reaches only us and we end the child in our order; `/` as folder, because the account may not be allowed
 * into ours; and hardly any environment, because PGOPTIONS, PGDATA or a locale of ours would change the database.
 */
export function spawnWithDeathSignal({ deathSignal, file, arguments: args, account, output }: SpawnOptions): ChildProcess {
  const options = {
    cwd: '/',
    detached: true,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    ...asAccount(account),
  }
  if (deathSignal === 'setpriv') {
    const wrapped = ['--pdeathsig', 'INT', '--', '/bin/sh', '-c', UNLESS_ORPHANED, 'sh', String(process.pid), file, ...args]
    return spawn('setpriv', wrapped, { ...options, stdio: ['ignore', output, output] })
  }
  const child = spawn('/bin/sh', ['-c', WITH_WATCHER, 'sh', file, ...args], { ...options, stdio: ['ignore', output, output, 'pipe'] })
  keepPipeOpen(child)
  return child
}

// We may have died between the fork and setpriv's system call, and then no signal would ever come. The order of the
// rest is node's (uid and gid before setpriv): the kernel clears the setting whenever a process changes its identity.
const UNLESS_ORPHANED = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'

// The watcher is a grandchild that init adopts: Postgres takes the failure of any child of its own for a crash.
// A line means the program is gone already and its number may be somebody else's; the end without one means we died.
const WITH_WATCHER = '( ( read -r _ <&3 || kill -INT $$ ) >/dev/null 2>&1 & ); exec 3<&-; exec "$@"'

function keepPipeOpen(child: ChildProcess): void {
  const pipe = child.stdio[3]
  if (!(pipe instanceof Socket)) return
  // The watcher may be killed by somebody; writing to it then is no reason to fail.
  pipe.on('error', () => undefined)
  pipe.unref()
  child.once('exit', () => pipe.end('\n'))
}
