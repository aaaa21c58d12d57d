import { open } from 'node:fs/promises'
import { usageProblem } from './problem.ts'

/**
 * Reads a file that an option names, and never more than fits: a device has no end.
 * @param option its name, for the problem
 * @throws a usage problem when it cannot be read, or has more than `maxBytes`
 */
export async function readFileAtMost(file: string, maxBytes: number, option: string): Promise<string> {
  const refuse = (error: NodeJS.ErrnoException): never => {
    throw usageProblem(`--${option}: cannot be read (${error.code ?? 'unknown error'})`)
  }
  const handle = await open(file).catch(refuse)
  try {
    const bytes = Buffer.alloc(maxBytes + 1)
    let size = 0
    for (let read = -1; read !== 0 && size <= maxBytes; size += read)
      read = (await handle.read(bytes, size, bytes.length - size, null).catch(refuse)).bytesRead
    if (size > maxBytes) throw usageProblem(`--${option}: has more than ${maxBytes} bytes`)
    return bytes.toString('utf8', 0, size)
  } finally {
    await handle.close()
  }
}
