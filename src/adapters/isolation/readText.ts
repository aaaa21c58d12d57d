import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/**
 * The beginning of a regular file that an agent could have made: without O_NONBLOCK a pipe of that name would stop this server,
 * and without a limit a long file would fill its memory.
 * @returns null where there is no such file
 */
export function readBeginning(file: string, maxBytes: number): string | null {
  let descriptor: number | null = null
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    if (!fstatSync(descriptor).isFile()) return null
    const bytes = Buffer.alloc(maxBytes)
    return bytes.subarray(0, readSync(descriptor, bytes, 0, maxBytes, 0)).toString('utf8')
  } catch {
    return null
  } finally {
    if (descriptor !== null) closeSync(descriptor)
  }
}
