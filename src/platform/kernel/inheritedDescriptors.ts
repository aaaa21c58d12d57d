import { closeSync, readdirSync, readFileSync } from 'node:fs'

const FOLDER = '/proc/self/fd'
/** `O_CLOEXEC` in the flags that the kernel shows. */
const CLOSES_ON_EXEC = 0o2000000

/** The flags of an open descriptor, which the kernel writes in octal; null for one that has been closed meanwhile. */
function flagsOf(descriptor: string): number | null {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1]
    return flags === undefined ? null : Number.parseInt(flags, 8)
  } catch {
    return null
  }
}

/**
 * Closes what the parent of this process left open, beyond the three standard streams: every child would get it, a run of an agent
 * too. Node closes each descriptor of its own in a child, and marks the inherited ones up to the first gap in their numbers. To
 * be called before the first child. Systems without /proc keep their descriptors.
 * @returns the descriptors that were closed
 */
export function closeInheritedDescriptors(): number[] {
  let open: readonly string[] = []
  try {
    open = readdirSync(FOLDER)
  } catch {
    return []
  }
  const inherited = open.filter((descriptor) => {
    const flags = Number(descriptor) > 2 ? flagsOf(descriptor) : null
    return flags !== null && (flags & CLOSES_ON_EXEC) === 0
  })
  return inherited.map((descriptor) => {
    closeSync(Number(descriptor))
    return Number(descriptor)
  })
}
