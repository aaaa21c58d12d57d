import { spawn } from 'node:child_process'
import { Socket } from 'node:net'

/**
 * Waits for the end of the host. A line means that the host has tidied up. The end of the input without one means that it was killed: the
 * folder goes as soon as Postgres, which ends with the host, has removed its lock file, or after ten seconds. Then the pointer, where it
 * still leads into this folder, and the folder of all hosts, where it is empty.
 */
const SCRIPT = `read -r _ && exit 0
i=0
while [ -d "$1" ] && [ $i -lt 300 ]; do
  if [ ! -e "$1/pg/postgres/postmaster.pid" ] || [ $i -ge 100 ]; then rm -rf -- "$1"; fi
  i=$((i + 1))
  [ -d "$1" ] && sleep 0.1
done
case "$(cat "$2" 2>/dev/null)" in *"$1/"*) rm -f -- "$2" "$2.lock" ;; esac
rmdir -- "$3" 2>/dev/null`

/** Removes the folder of a host that ends without doing so. */
export interface Janitor {
  /** The host has removed it. */
  dismiss(): void
}

/** Starts the shell that outlives this process if need be. */
export function startJanitor(folder: string, pointer: string, parent: string): Janitor {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', folder, pointer, parent], {
    cwd: '/',
    detached: true,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.on('error', () => {})
  const { stdin } = child
  stdin.on('error', () => {})
  if (stdin instanceof Socket) stdin.unref()
  child.unref()
  return { dismiss: () => void stdin.end('done\n') }
}
