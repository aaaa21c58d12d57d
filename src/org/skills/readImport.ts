import { decidesForHost } from '../../auth/roles.ts'
import type { Ctx } from '../../platform/db/types.ts'
import type { ReceivedFile } from '../../platform/kernel/content.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { readUpload } from './archive.ts'
import { allowedFolder, skillsIn } from './folders.ts'
import { draftsOf, MAX_IMPORT_BYTES, SKILL_FILE } from './rules.ts'
import type { SourcedDraft } from './store.ts'
import type { ImportSkills } from './views.ts'

/** The skills that a request names, and a sentence for each part of it that is none. */
export interface ReadImport {
  readonly found: readonly SourcedDraft[]
  readonly warnings: readonly string[]
}

/** Addresses, and the short forms of repositories and shops that other servers fetch. */
const isAddress = (source: string): boolean => /^(?:[a-z][a-z0-9+.-]*:|git@)|^[\w.-]+\/[\w.-]+(?:[/@#].*)?$/i.test(source)

const sendFiles = 'Send the texts as `files`, for example {"files":{"SKILL.md":"---\\nname: …\\n---\\n…"}}'

/**
 * Reads the skills of an import: texts of the request, or a folder below one that the operator allowed. Nothing is fetched for any caller, and
 * no path of an agent is opened (I18).
 * @param allowed the folders of `PAPERCLIP_SKILL_FOLDERS`
 * @throws Refusal `unprocessable` for an address, for a folder that is missing or not allowed, and for input without a skill; `approval_required` for
 *   a folder that an agent names
 */
export async function readImport(ctx: Ctx, { source, files }: ImportSkills, allowed: readonly string[]): Promise<ReadImport> {
  if ((source === undefined) === (files === undefined))
    refuse('unprocessable', { message: `Send either \`source\` or \`files\`. ${sendFiles}` })
  return checked(files === undefined ? await readSource(ctx, source ?? '', allowed) : inline(files))
}

/**
 * Reads the skills of an upload, as `readImport` reads those of a request.
 * @throws Refusal `file_type_unsupported`, `file_invalid`; `unprocessable` for one without a skill, and for one that is too large
 */
export async function readUploadedImport(file: Pick<ReceivedFile, 'bytes'>): Promise<ReadImport> {
  const { files, warnings } = await readUpload(file)
  const { found, warnings: about } = inline(files)
  return checked({ found, warnings: [...warnings, ...about] })
}

/** @throws Refusal `unprocessable` for an import without a skill, and for one that is too large */
function checked(read: ReadImport): ReadImport {
  if (read.found.length === 0)
    refuse('unprocessable', { message: 'No skill can be imported', details: { problems: read.warnings.slice(0, 50) } })
  const bytes = read.found.reduce((sum, { draft }) => sum + draft.byteSize, 0)
  if (bytes > MAX_IMPORT_BYTES)
    refuse('unprocessable', {
      message: `An import has at most ${MAX_IMPORT_BYTES} bytes of skills, and this one has ${bytes}: send them in parts`,
    })
  return read
}

function inline(files: Readonly<Record<string, string>>): ReadImport {
  const { drafts, warnings } = draftsOf(files)
  return { found: drafts.map((draft) => ({ draft, folder: null })), warnings }
}

async function readSource(ctx: Ctx, source: string, allowed: readonly string[]): Promise<ReadImport> {
  const text = source.trim()
  if (text.startsWith('---') || text.includes('\n')) return inline({ [SKILL_FILE]: source })
  if (!text.startsWith('/') && isAddress(text))
    refuse('unprocessable', { message: `This server fetches no skill from an address. ${sendFiles}` })
  if (!decidesForHost(ctx.actor))
    refuse('approval_required', { message: `Only the board imports from a folder of this host. ${sendFiles}` })
  const folder = await allowedFolder(text, allowed)
  if (folder === null)
    return refuse('unprocessable', {
      message: `No such folder below one that the operator allowed (PAPERCLIP_SKILL_FOLDERS). ${sendFiles}`,
    })
  return await skillsIn(folder)
}
