import { randomUUID } from 'node:crypto'
import { and, eq } from 'drizzle-orm'
import { instructionBundles, instructionFiles } from '../../model/skills.ts'
import { applyConfiguration, insertInstructionRevision } from '../agents/index.ts'
import type { AgentRow, InstructionFacts } from '../agents/index.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { insertRows } from '../../platform/db/insertRows.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { collisionIn } from '../../platform/kernel/filePath.ts'
import { instructionsBundleUpdated, instructionsFileDeleted, instructionsFileUpdated } from './events.ts'
import { loadBundle } from './queries.ts'
import type { Bundle } from './queries.ts'
import { DEFAULT_ENTRY, hashOfText, MAX_INSTRUCTION_BYTES, MAX_INSTRUCTION_FILE_BYTES, MAX_INSTRUCTION_FILES } from './rules.ts'

const factsOf = ({ entryFile, files }: Bundle): InstructionFacts => ({
  entryFile,
  files: Object.fromEntries(files.map(({ path, contentHash }) => [path, contentHash])),
})

/**
 * Refuses a write on another version of a file than the writer has read.
 * @param base the revision that the writer names; null for a file that is not there; undefined where it names none
 * @throws Refusal `document_stale`
 */
function requireBase(current: string | null, base: string | null | undefined): void {
  if (base === undefined || base === current) return
  refuse('document_stale', { message: 'The file was changed since it was read', details: { currentRevisionId: current } })
}

/** A write of one file. */
export interface FileWrite {
  /** In its one form (`requirePath`). */
  readonly path: string
  readonly content: string
  readonly base: string | null | undefined
  /** The approval that grants the write; null for a write without one. */
  readonly approvalId: string | null
}

function requireRoom(files: Bundle['files'], { path, content }: FileWrite): void {
  const bytes = Buffer.byteLength(content)
  if (bytes > MAX_INSTRUCTION_FILE_BYTES)
    refuse('unprocessable', { message: `A file of instructions has at most ${MAX_INSTRUCTION_FILE_BYTES} bytes` })
  const others = files.filter((file) => file.path !== path)
  if (others.length >= MAX_INSTRUCTION_FILES)
    refuse('unprocessable', { message: `Instructions have at most ${MAX_INSTRUCTION_FILES} files` })
  if (others.reduce((sum, { size }) => sum + size, bytes) > MAX_INSTRUCTION_BYTES)
    refuse('unprocessable', { message: `Instructions have at most ${MAX_INSTRUCTION_BYTES} bytes` })
  const collision = collisionIn([...others.map((file) => file.path), path])
  if (collision !== null) refuse('unprocessable', { message: collision })
}

/**
 * (tx) Writes one file of the instructions of an agent. Expects the agent's row lock, and a caller that may write. The first file makes the bundle.
 * @returns the events; none when the text is the same
 * @throws Refusal `document_stale`; `unprocessable` beyond the limits, and for a path that cannot stand beside the others
 */
export async function writeInstructionsFile(tx: Tx, ctx: Ctx, agent: AgentRow, write: FileWrite): Promise<DomainEvent[]> {
  const { id: agentId, companyId } = agent
  const { path, content, base, approvalId } = write
  const bundle = await loadBundle(tx, companyId, agentId)
  const present = bundle.files.find((file) => file.path === path) ?? null
  requireBase(present?.revisionId ?? null, base)
  requireRoom(bundle.files, write)
  const contentHash = hashOfText(content)
  if (present?.contentHash === contentHash) return []
  const author = authorOf(ctx.actor)
  const written = { content, revisionId: randomUUID(), updatedByAgentId: author.agentId, updatedByUserId: author.userId }
  if (bundle.entryFile === null) await tx.insert(instructionBundles).values({ agentId, companyId, entryFile: DEFAULT_ENTRY })
  if (present === null) await tx.insert(instructionFiles).values({ agentId, companyId, path, ...written })
  else
    await tx
      .update(instructionFiles)
      .set({ ...written, updatedAt: nextUpdatedAt })
      .where(and(eq(instructionFiles.agentId, agentId), eq(instructionFiles.path, path)))
  const before = factsOf(bundle)
  const after = { entryFile: bundle.entryFile ?? DEFAULT_ENTRY, files: { ...before.files, [path]: contentHash } }
  const revisionId = await insertInstructionRevision(tx, ctx, agent, { source: 'instructions_bundle_file_put', before, after })
  const details = {
    path,
    fileRevisionId: written.revisionId,
    previousRevisionId: present?.revisionId ?? null,
    contentHash,
    byteSize: Buffer.byteLength(content),
    revisionId,
    approvalId,
  }
  return [instructionsFileUpdated(agentId, details, { agentId })]
}

/**
 * (tx) Deletes one file. The bundle goes with its last file. Expects the agent's row lock, and a caller that may write.
 * @throws Refusal `not_found`, `document_stale`; `unprocessable` for the entry file while there are others
 */
export async function deleteInstructionsFile(
  tx: Tx,
  ctx: Ctx,
  agent: AgentRow,
  { path, base, approvalId }: Omit<FileWrite, 'content'>,
): Promise<DomainEvent[]> {
  const { id: agentId, companyId } = agent
  const bundle = await loadBundle(tx, companyId, agentId)
  const present = bundle.files.find((file) => file.path === path)
  // One that was deleted since it was read is another version, too.
  if (typeof base === 'string') requireBase(present?.revisionId ?? null, base)
  if (present === undefined) return refuse('not_found', { message: 'Instructions file not found' })
  if (path === bundle.entryFile && bundle.files.length > 1)
    refuse('unprocessable', { message: 'The entry file goes last: name another entry file first' })
  const isLast = bundle.files.length === 1
  await tx.delete(instructionFiles).where(and(eq(instructionFiles.agentId, agentId), eq(instructionFiles.path, path)))
  if (isLast) await tx.delete(instructionBundles).where(eq(instructionBundles.agentId, agentId))
  const before = factsOf(bundle)
  const { [path]: _, ...files } = before.files
  const after = { entryFile: isLast ? null : bundle.entryFile, files }
  const revisionId = await insertInstructionRevision(tx, ctx, agent, { source: 'instructions_bundle_file_put', before, after })
  const details = { path, previousRevisionId: present.revisionId, revisionId, approvalId }
  return [instructionsFileDeleted(agentId, details, { agentId })]
}

/** A change of a bundle as a whole. */
export interface BundleChange {
  /** In its one form; undefined leaves it as it is. */
  readonly entryFile: string | undefined
  /** Takes the templates of the prompt out of the configuration. Only for the board. */
  readonly clearsTemplates: boolean
}

/**
 * (tx) Changes which file runs read first, and takes away templates that would stand beside it. Expects the agent's row lock, and a caller that may write.
 * @throws Refusal `unprocessable` for an entry file that does not exist
 */
export async function updateBundle(
  tx: Tx,
  ctx: Ctx,
  agent: AgentRow,
  { entryFile, clearsTemplates }: BundleChange,
): Promise<{ readonly agent: AgentRow; readonly events: readonly DomainEvent[] }> {
  const { id: agentId, companyId } = agent
  const bundle = await loadBundle(tx, companyId, agentId)
  const entry = entryFile ?? bundle.entryFile ?? DEFAULT_ENTRY
  if (entryFile !== undefined && !bundle.files.some((file) => file.path === entryFile))
    refuse('unprocessable', { message: `The instructions have no file ${entryFile}` })
  const moves = bundle.entryFile !== null && bundle.entryFile !== entry
  if (moves)
    await tx.update(instructionBundles).set({ entryFile: entry, updatedAt: nextUpdatedAt }).where(eq(instructionBundles.agentId, agentId))
  const { promptTemplate: _, bootstrapPromptTemplate: _bootstrap, ...adapterConfig } = agent.adapterConfig
  const cleared = clearsTemplates
    ? await applyConfiguration(tx, ctx, agent, {
        patch: { adapterConfig, replaceAdapterConfig: true },
        origin: { source: 'instructions_bundle_patch' },
      })
    : { agent, events: [] }
  if (!moves && cleared.events.length === 0) return cleared
  const before = factsOf(bundle)
  const change = { source: 'instructions_bundle_patch', before, after: { ...before, entryFile: entry } } as const
  const revisionId = moves ? await insertInstructionRevision(tx, ctx, cleared.agent, change) : null
  const details = { entryFile: entry, clearedPromptTemplates: cleared.events.length > 0, revisionId }
  return { agent: cleared.agent, events: [...cleared.events, instructionsBundleUpdated(agentId, details, { agentId })] }
}

/** The instructions of a new agent. */
export interface NewBundle {
  readonly agent: AgentRow
  readonly entryFile: string
  /** Texts by their paths; checked by `problemOfBundle`. */
  readonly files: Readonly<Record<string, string>>
}

const insertBundleRows = insertRows('instructions_insert_bundles', instructionBundles, ['agentId', 'companyId', 'entryFile'])
const insertFileRows = insertRows('instructions_insert_files', instructionFiles, [
  'agentId',
  'companyId',
  'path',
  'content',
  'revisionId',
  'updatedByAgentId',
  'updatedByUserId',
])

/** (tx) Inserts the instructions of agents that this transaction has made. */
export async function insertBundles(tx: Tx, ctx: Ctx, bundles: readonly NewBundle[]): Promise<DomainEvent[]> {
  if (bundles.length === 0) return []
  const author = authorOf(ctx.actor)
  const by = { updatedByAgentId: author.agentId, updatedByUserId: author.userId }
  await insertBundleRows(
    tx,
    bundles.map(({ agent, entryFile }) => ({ agentId: agent.id, companyId: agent.companyId, entryFile })),
  )
  await insertFileRows(
    tx,
    bundles.flatMap(({ agent, files }) =>
      Object.entries(files).map(([path, content]) => ({
        agentId: agent.id,
        companyId: agent.companyId,
        path,
        content,
        revisionId: randomUUID(),
        ...by,
      })),
    ),
  )
  return bundles.map(({ agent, entryFile }) =>
    instructionsBundleUpdated(agent.id, { entryFile, clearedPromptTemplates: false, revisionId: null }, { agentId: agent.id }),
  )
}
