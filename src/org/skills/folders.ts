// Reading skills from folders of this host. The operator allows folders; what lies in them may have been written by agents, so no link in them
// is followed, and a file is what it was when it was opened.
import { constants } from 'node:fs'
import { lstat, open, readdir, realpath } from 'node:fs/promises'
import path from 'node:path'
import { isText } from '../../platform/kernel/content.ts'
import { readFilePath } from '../../platform/kernel/filePath.ts'
import { draftsOf, MAX_IMPORT_BYTES, MAX_SKILL_FILE_BYTES, SKILL_FILE } from './rules.ts'
import type { SourcedDraft } from './store.ts'

/** Entries of a folder and of everything below it that are looked at; a folder of sources with more is not a folder of skills. */
const MAX_ENTRIES = 5_000
/** Large folders that have no skills of their own. */
const skipped = new Set(['.git', 'node_modules', '.venv', '__pycache__'])

/** The texts below a folder by their paths, and a sentence for everything that is none. */
export interface FolderTexts {
  /** The folder without links. */
  readonly folder: string
  readonly files: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
}

const isWithin = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`)

/**
 * The real path of a folder, if it is one that the operator allowed or lies below one.
 * @returns null where it is missing or not allowed: the two answer alike, so that no request learns what is on the host
 */
export async function allowedFolder(given: string, allowed: readonly string[]): Promise<string | null> {
  if (!path.isAbsolute(given) || given.includes('\0')) return null
  const real = await realpath(given).catch(() => null)
  if (real === null || !((await lstat(real).catch(() => null))?.isDirectory() ?? false)) return null
  for (const each of allowed) {
    const root = await realpath(each).catch(() => null)
    if (root !== null && isWithin(real, root)) return real
  }
  return null
}

/**
 * Reads one file without following a link on the way to it.
 * @param file below a real path
 * @returns the text, or the reason why it is not read
 */
async function readText(file: string): Promise<{ text: string } | { problem: string }> {
  const opened = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null)
  if (opened === null) return { problem: 'cannot be read, or is a link' }
  try {
    const facts = await opened.stat()
    if (!facts.isFile() || facts.nlink !== 1) return { problem: 'is no file of its own' }
    if (facts.size > MAX_SKILL_FILE_BYTES) return { problem: `is longer than ${MAX_SKILL_FILE_BYTES} bytes` }
    // A folder on the way may have become a link since it was listed: the open file must be the one at this path.
    const real = await realpath(file).catch(() => null)
    const there = real === file ? await lstat(file).catch(() => null) : null
    if (there === null || there.ino !== facts.ino || there.dev !== facts.dev) return { problem: 'has moved, or is behind a link' }
    const bytes = Buffer.alloc(facts.size)
    const { bytesRead } = await opened.read(bytes, 0, facts.size, 0)
    const content = bytes.subarray(0, bytesRead)
    return isText(content) ? { text: content.toString('utf8') } : { problem: 'is no text' }
  } finally {
    await opened.close()
  }
}

interface Walk {
  readonly files: Record<string, string>
  readonly warnings: string[]
  entries: number
  bytes: number
}

const isBeyond = ({ entries, bytes }: Walk): boolean => entries > MAX_ENTRIES || bytes > MAX_IMPORT_BYTES

async function walk(root: string, relative: string, state: Walk): Promise<void> {
  const listed = await readdir(path.join(root, relative), { withFileTypes: true }).catch(() => [])
  for (const entry of listed.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = relative === '' ? entry.name : `${relative}/${entry.name}`
    state.entries += 1
    if (isBeyond(state)) return
    if (skipped.has(entry.name)) continue
    const { path: filePath, problem } = readFilePath(name)
    if (filePath === null) state.warnings.push(`${JSON.stringify(name.slice(0, 100))}: ${problem}`)
    else if (entry.isDirectory()) await walk(root, name, state)
    else {
      const read = await readText(path.join(root, name))
      if ('problem' in read) state.warnings.push(`${name}: ${read.problem}`)
      else {
        state.files[filePath] = read.text
        state.bytes += Buffer.byteLength(read.text)
      }
    }
  }
}

/** Sentences of one read that are kept. */
const MAX_WARNINGS = 50

/** Reads all texts below an allowed folder; none of one that is too large, because a skill that lacks files is another skill. @param folder from `allowedFolder` */
async function readFolder(folder: string): Promise<FolderTexts> {
  const state: Walk = { files: {}, warnings: [], entries: 0, bytes: 0 }
  await walk(folder, '', state)
  if (isBeyond(state)) {
    const limit = state.entries > MAX_ENTRIES ? `${MAX_ENTRIES} entries` : `${MAX_IMPORT_BYTES} bytes`
    return { folder, files: {}, warnings: [`${folder}: more than ${limit}, so nothing of it was read; import its skills one by one`] }
  }
  return { folder, files: state.files, warnings: state.warnings.slice(0, MAX_WARNINGS) }
}

/** The skills below an allowed folder. @param folder from `allowedFolder` */
export async function skillsIn(folder: string): Promise<{ readonly found: readonly SourcedDraft[]; readonly warnings: readonly string[] }> {
  const { files, warnings } = await readFolder(folder)
  const name = path.basename(folder)
  // The name of the folder is that of a skill at its top.
  const isOne = SKILL_FILE in files
  const named = isOne ? Object.fromEntries(Object.entries(files).map(([file, text]) => [`${name}/${file}`, text])) : files
  const { drafts, folders, warnings: about } = draftsOf(named)
  const base = isOne ? path.dirname(folder) : folder
  return {
    found: drafts.map((draft) => ({ draft, folder: path.join(base, folders.get(draft.slug) ?? '') })),
    warnings: [...warnings, ...about].slice(0, MAX_WARNINGS),
  }
}
