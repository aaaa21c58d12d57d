// Writes the files of a run into a folder of the run: read-only, of the account of the agent, and gone with the run.
import { chmod, chown, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { collisionIn, readFilePath } from '../../platform/kernel/filePath.ts'
import type { Account } from './isolation.ts'

/** Texts for a folder of a run, and the variables that name the folder once it is known. */
export interface RunFiles {
  readonly files: readonly { readonly path: string; readonly content: string }[]
  readonly variables: (folder: string) => Readonly<Record<string, string>>
}

/** Files of one run: the instructions and all skills of an agent. */
const MAX_FILES = 2_500
/** Bytes of them together. */
const MAX_BYTES = 24 * 1024 * 1024
/** The names of instructions and skills before a path make it two levels deeper. */
const withoutKind = (file: string): string =>
  file
    .split('/')
    .slice(file.startsWith('skills/') ? 2 : 1)
    .join('/')

/** Says why files cannot be written. The rows were checked when they were stored; a row from elsewhere must not lead out of the folder either. */
function problemOf({ files }: RunFiles): string | null {
  if (files.length > MAX_FILES) return `The instructions and skills of the agent have more than ${MAX_FILES} files`
  if (files.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0) > MAX_BYTES)
    return `The instructions and skills of the agent have more than ${MAX_BYTES} bytes`
  for (const { path: file } of files)
    if (readFilePath(withoutKind(file)).path !== withoutKind(file) || file.split('/').includes('..'))
      return `The name of a file of the agent leads elsewhere: ${JSON.stringify(file.slice(0, 100))}`
  return collisionIn(files.map((file) => file.path))
}

const isRoot = process.getuid?.() === 0

/**
 * Writes files into a new folder. Only this server may write in its parent.
 * @param owner the account of the agent; null leaves them to that of this server
 * @returns null, or the reason why the run cannot have them
 */
export async function writeRunFiles(folder: string, given: RunFiles, owner: Account | null): Promise<string | null> {
  const problem = problemOf(given)
  if (problem !== null) return problem
  const folders = new Set<string>()
  for (const { path: file } of given.files)
    for (let each = path.dirname(file); each !== '.'; each = path.dirname(each)) folders.add(path.join(folder, each))
  const shallowFirst = [folder, ...[...folders].toSorted((a, b) => a.length - b.length)]
  try {
    for (const each of shallowFirst) await mkdir(each, { mode: 0o700 })
    for (const { path: file, content } of given.files) {
      const target = path.join(folder, file)
      // `wx`: a file that is there is one that another has made.
      await writeFile(target, content, { mode: 0o400, flag: 'wx' })
      if (owner !== null && isRoot) await chown(target, owner.uid, owner.gid)
    }
    for (const each of shallowFirst.toReversed()) {
      if (owner !== null && isRoot) await chown(each, owner.uid, owner.gid)
      // Another account could not remove what lies in a folder that it may not write; root can.
      if (isRoot) await chmod(each, 0o500)
    }
    return null
  } catch (error) {
    await removeRunFiles(folder)
    return `The files of the agent cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`
  }
}

/** Removes the folder of the files of a run. Never rejects. */
export async function removeRunFiles(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {})
}

/** Longer than the longest run. */
const OLD_MS = 2 * 86_400_000

/** Removes folders that a crash has left. Never rejects. */
export async function removeOldRunFiles(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const folder = path.join(parent, name)
    const facts = await stat(folder).catch(() => null)
    if (facts !== null && Date.now() - facts.mtimeMs > OLD_MS) await removeRunFiles(folder)
  }
}
