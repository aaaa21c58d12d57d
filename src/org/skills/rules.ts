import { createHash } from 'node:crypto'
import { collisionIn, readFilePath } from '../../platform/kernel/filePath.ts'
import { builtInSkills } from './builtIn.ts'
import { describeSkill } from './skillText.ts'

/** The file by which a folder is a skill. */
export const SKILL_FILE = 'SKILL.md'
/** Files of one skill: its text, references and scripts. */
export const MAX_SKILL_FILES = 100
/** The longest file, as for instructions: more than any model reads at once. */
export const MAX_SKILL_FILE_BYTES = 256 * 1024
const MAX_SKILL_BYTES = 1024 * 1024
/** Skills of one company, which the list and the choice for an agent show whole. */
export const MAX_SKILLS = 200
/**
 * The texts of all skills that one import stores. One transaction writes them, and has five seconds; a request has as many bytes. The measure
 * is the time of a slow disk: Postgres compresses and writes them twice.
 */
export const MAX_IMPORT_BYTES = 4 * 1024 * 1024
/** Skills of one import. */
export const MAX_IMPORTED_SKILLS = 50

/** The name of a skill in folders and configurations. */
export const skillSlug = /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/

/** A skill as it is about to be stored. */
export interface SkillDraft {
  readonly slug: string
  readonly name: string
  readonly description: string | null
  /** Texts by their paths, in the order of the paths. */
  readonly files: Readonly<Record<string, string>>
  readonly contentHash: string
  readonly byteSize: number
}

/** Drafts, and a sentence for each part of the input that became none. */
export interface SkillDrafts {
  readonly drafts: readonly SkillDraft[]
  /** The folder of each draft by its slug, as the input names it; empty for files at the top. */
  readonly folders: ReadonlyMap<string, string>
  readonly warnings: readonly string[]
}

const inOrder = (files: Iterable<readonly [string, string]>): Record<string, string> =>
  Object.fromEntries([...files].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))

/** SHA-256 of paths and texts. */
export const hashOfFiles = (files: Readonly<Record<string, string>>): string =>
  createHash('sha256')
    .update(JSON.stringify(Object.entries(files)))
    .digest('hex')

/** The slug of a skill: from its folder or its name. Empty where neither has a letter or a digit. */
export const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .slice(0, 200)
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 64)
    .replaceAll(/-+$/g, '')

/**
 * Checks the files of one folder as a skill. Pure.
 * @param folder the name of its folder; null for files without one
 * @returns the draft, or the sentence that says why it is none
 */
export function draftOf(folder: string | null, files: ReadonlyMap<string, string>): SkillDraft | string {
  const where = folder ?? 'The skill'
  const text = files.get(SKILL_FILE)
  if (text === undefined) return `${where}: has no ${SKILL_FILE}`
  if (files.size > MAX_SKILL_FILES) return `${where}: a skill has at most ${MAX_SKILL_FILES} files`
  let byteSize = 0
  for (const [path, content] of files) {
    const bytes = Buffer.byteLength(content)
    if (bytes > MAX_SKILL_FILE_BYTES) return `${where}: ${path} is longer than ${MAX_SKILL_FILE_BYTES} bytes`
    if (content.includes('\0')) return `${where}: ${path} is no text`
    byteSize += bytes
  }
  if (byteSize > MAX_SKILL_BYTES) return `${where}: a skill has at most ${MAX_SKILL_BYTES} bytes`
  const collision = collisionIn(files.keys())
  if (collision !== null) return `${where}: ${collision}`
  const head = describeSkill(text)
  const slug = slugOf(folder ?? head.name ?? '')
  if (slug === '') return `${where}: give it a name of letters and digits, in the head of its ${SKILL_FILE}: \`name: …\``
  if (builtInSkills.has(slug)) return `${where}: ${slug} is a skill of this server and cannot be replaced`
  const ordered = inOrder(files)
  return { slug, name: head.name ?? slug, description: head.description, files: ordered, contentHash: hashOfFiles(ordered), byteSize }
}

/** The folder of each `SKILL.md` among some paths; the empty text for one at the top. */
const skillFolders = (paths: readonly string[]): string[] =>
  paths.flatMap((path) => (path === SKILL_FILE ? [''] : path.endsWith(`/${SKILL_FILE}`) ? [path.slice(0, -SKILL_FILE.length - 1)] : []))

/**
 * Reads files as skills: each folder with a `SKILL.md` is one, with everything below it that belongs to no skill further down. Pure.
 * @param given texts by their paths, as a client sent them or as they were read from a folder
 */
export function draftsOf(given: Readonly<Record<string, string>>): SkillDrafts {
  const warnings: string[] = []
  const texts = new Map<string, string>()
  for (const [name, content] of Object.entries(given)) {
    const { path, problem } = readFilePath(name)
    if (path === null) warnings.push(`${JSON.stringify(name.slice(0, 100))}: ${problem}`)
    else if (texts.has(path)) warnings.push(`${path}: is given twice`)
    else texts.set(path, content)
  }
  const folders = skillFolders([...texts.keys()]).toSorted((a, b) => b.length - a.length)
  if (folders.length > MAX_IMPORTED_SKILLS)
    return { drafts: [], folders: new Map(), warnings: [`An import has at most ${MAX_IMPORTED_SKILLS} skills`] }
  const filesOf = new Map(folders.map((folder) => [folder, new Map<string, string>()]))
  let unused = 0
  for (const [path, content] of texts) {
    const folder = folders.find((each) => each === '' || path.startsWith(`${each}/`))
    if (folder === undefined) unused += 1
    else filesOf.get(folder)?.set(folder === '' ? path : path.slice(folder.length + 1), content)
  }
  if (unused > 0) warnings.push(`${unused} file(s) belong to no folder with a ${SKILL_FILE} and are ignored`)
  const drafts = new Map<string, SkillDraft>()
  const folderOf = new Map<string, string>()
  for (const [folder, files] of filesOf) {
    const draft = draftOf(folder === '' ? null : (folder.split('/').at(-1) ?? folder), files)
    if (typeof draft === 'string') warnings.push(draft)
    else if (drafts.has(draft.slug)) warnings.push(`${folder}: another skill of the import has the name ${draft.slug}`)
    else {
      drafts.set(draft.slug, draft)
      folderOf.set(draft.slug, folder)
    }
  }
  return { drafts: [...drafts.values()].toSorted((a, b) => (a.slug < b.slug ? -1 : 1)), folders: folderOf, warnings }
}

/** The kind of a file of a skill, by its path. */
export function fileKind(path: string): 'skill' | 'markdown' | 'script' | 'other' {
  if (path === SKILL_FILE) return 'skill'
  if (/\.(?:md|markdown|txt)$/i.test(path)) return 'markdown'
  return /\.(?:sh|bash|zsh|js|mjs|cjs|ts|py|rb|pl|php|ps1|bat|cmd)$/i.test(path) ? 'script' : 'other'
}

/** Whether a skill is text alone, has other files, or has programs: what a person looks at before it is given to an agent. */
export function trustLevel(paths: readonly string[]): 'markdown_only' | 'assets' | 'scripts_executables' {
  const kinds = new Set(paths.map(fileKind))
  return kinds.has('script') ? 'scripts_executables' : kinds.has('other') ? 'assets' : 'markdown_only'
}
