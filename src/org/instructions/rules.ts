import { createHash } from 'node:crypto'
import { collisionIn, readFilePath } from '../../platform/kernel/filePath.ts'

/** The file that runs read first, unless the bundle names another. */
export const DEFAULT_ENTRY = 'AGENTS.md'
/** Files of one bundle: a few texts, and what they refer to. */
export const MAX_INSTRUCTION_FILES = 100
/** The longest file: what a local agent takes as instructions (`adapters/prompt.ts`). */
export const MAX_INSTRUCTION_FILE_BYTES = 256 * 1024
export const MAX_INSTRUCTION_BYTES = 1024 * 1024

/** SHA-256 of a text, by which a revision names it. */
export const hashOfText = (text: string): string => createHash('sha256').update(text).digest('hex')

/** Why some files cannot be the instructions of an agent; null where they can. Pure. @param files texts by their paths */
export function problemOfBundle(files: Readonly<Record<string, string>>): string | null {
  const paths = Object.keys(files)
  if (paths.length > MAX_INSTRUCTION_FILES) return `instructions have at most ${MAX_INSTRUCTION_FILES} files`
  let bytes = 0
  for (const [path, content] of Object.entries(files)) {
    const read = readFilePath(path)
    if (read.path !== path) return `${path.slice(0, 100)}: ${read.problem ?? 'is not written as paths are'}`
    const size = Buffer.byteLength(content)
    if (size > MAX_INSTRUCTION_FILE_BYTES) return `${path}: is longer than ${MAX_INSTRUCTION_FILE_BYTES} bytes`
    bytes += size
  }
  if (bytes > MAX_INSTRUCTION_BYTES) return `instructions have at most ${MAX_INSTRUCTION_BYTES} bytes`
  return collisionIn(paths)
}
