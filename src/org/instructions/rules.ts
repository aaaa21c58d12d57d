import { createHash } from 'node:crypto'

/** The file that runs read first, unless the bundle names another. */
export const DEFAULT_ENTRY = 'AGENTS.md'
/** Files of one bundle: a few texts, and what they refer to. */
export const MAX_INSTRUCTION_FILES = 100
/** The longest file: what a local agent takes as instructions (`adapters/prompt.ts`). */
export const MAX_INSTRUCTION_FILE_BYTES = 256 * 1024
export const MAX_INSTRUCTION_BYTES = 1024 * 1024

/** SHA-256 of a text, by which a revision names it. */
export const hashOfText = (text: string): string => createHash('sha256').update(text).digest('hex')
