// The view of a run by the identities that the kernel gives to files: a live run that may write the folder around one can exchange it
// for a link between plan and mount. The view is compared with the plan before the command starts.
import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs'
import type { Mount } from './isolation.ts'

/** Opens a file or folder for a look at itself, without the right to read it. Node does not name this flag of Linux. */
const O_PATH = 0o10000000

/** A place of the view, with the device and the inode that have to be there. */
export interface Identity {
  readonly target: string
  readonly identity: string
}

/** The identity of what stands at a real path; null when a link leads elsewhere now. */
function identityOf(real: string): string | null {
  try {
    const descriptor = openSync(real, O_PATH | constants.O_NOFOLLOW)
    try {
      if (readlinkSync(`/proc/self/fd/${descriptor}`) !== real) return null
      const { dev, ino } = fstatSync(descriptor, { bigint: true })
      return `${dev}:${ino}`
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return null
  }
}

/** The identities of the sources of mounts. One that has been exchanged has an identity that nothing has. */
export const identitiesOf = (mounts: readonly Mount[]): Identity[] =>
  mounts.flatMap((mount) => (mount.kind === 'bind' ? [{ target: mount.target, identity: identityOf(mount.source) ?? 'exchanged' }] : []))

/** Arguments: identity and place, for each; `--`; the command. Executed in the namespace, where agents cannot change the mounts. */
const COMPARE = `
while [ "$1" != -- ]; do
  if [ "$(stat -c %d:%i -- "$2" 2>/dev/null)" != "$1" ]; then
    echo "The run did not start: $2 was exchanged for something else while it was prepared" >&2; exit 126
  fi
  shift 2
done
shift; exec "$@"`

/** The beginning of a command line that goes on only when each place shows what was planned. */
export const comparing = (planned: readonly Identity[]): readonly string[] =>
  planned.length === 0 ? [] : ['/bin/sh', '-c', COMPARE, 'sh', ...planned.flatMap(({ target, identity }) => [identity, target]), '--']
