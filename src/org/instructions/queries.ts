import path from 'node:path'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { sightOfSettings } from '../../auth/visibility.ts'
import { instructionBundles, instructionFiles } from '../../model/skills.ts'
import { agentById, isManagerOf } from '../agents/index.ts'
import type { AgentRow } from '../agents/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { readFilePath } from '../../platform/kernel/filePath.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { DEFAULT_ENTRY } from './rules.ts'
import type { instructionsBundleView, instructionsFileView } from './views.ts'

type Db = Pick<ReadDb, 'run'>
export type BundleView = z.input<typeof instructionsBundleView>
export type FileView = z.input<typeof instructionsFileView>

/** The variable in which a run finds the folder of its instructions. */
const INSTRUCTIONS_VARIABLE = 'PAPERCLIP_INSTRUCTIONS_DIR'

/** A file of a bundle without its text. */
export interface FileFacts {
  readonly path: string
  readonly size: number
  readonly contentHash: string
  readonly revisionId: string
  readonly updatedByAgentId: string | null
  readonly updatedByUserId: string | null
  readonly updatedAt: Instant
}

const bundleRow = statement<{ agentId: string; companyId: string }, { entryFile: string }>('instructions_bundle').read(sql`
  select entry_file as "entryFile" from ${instructionBundles} where agent_id = ${param('agentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}`)

const fileFacts = statement<{ agentId: string; companyId: string }, FileFacts>('instructions_files').read(sql`
  select path, octet_length(content) as size, encode(sha256(convert_to(content, 'UTF8')), 'hex') as "contentHash", revision_id as "revisionId",
    updated_by_agent_id as "updatedByAgentId", updated_by_user_id as "updatedByUserId", updated_at as "updatedAt"
  from ${instructionFiles} where agent_id = ${param('agentId', 'uuid')} and company_id = ${param('companyId', 'uuid')} order by path`)

/** A bundle; `entryFile` is null for an agent without one. */
export interface Bundle {
  readonly entryFile: string | null
  readonly files: readonly FileFacts[]
}

/** The bundle of an agent, without its texts. */
export async function loadBundle(db: Db, companyId: string, agentId: string): Promise<Bundle> {
  const [[bundle], files] = await Promise.all([db.run(bundleRow, { agentId, companyId }), db.run(fileFacts, { agentId, companyId })])
  return { entryFile: bundle?.entryFile ?? null, files }
}

/** Whether an actor may read the instructions of an agent: who sees its settings, and its managers. */
async function mayReadInstructions(db: Db, actor: Actor, { companyId, id }: Pick<AgentRow, 'companyId' | 'id'>): Promise<boolean> {
  if (sightOfSettings(actor, id) !== 'hidden') return true
  return actor.kind === 'agent' && (await isManagerOf(db, companyId, actor.agentId, id))
}

const isSet = (value: unknown): boolean => typeof value === 'string' && value.trim() !== ''

function externalPath(actor: Actor, { id, adapterConfig }: AgentRow): string | null {
  const file = adapterConfig['instructionsFilePath']
  return typeof file === 'string' && file !== '' && sightOfSettings(actor, id) === 'whole' ? file : null
}

/** A bundle as an actor may see it. */
export async function presentBundle(db: Db, actor: Actor, agent: AgentRow, { entryFile, files }: Bundle): Promise<BundleView> {
  const mayRead = await mayReadInstructions(db, actor, agent)
  const hasPath = isSet(agent.adapterConfig['instructionsFilePath'])
  const isManaged = entryFile !== null
  const file = isManaged ? null : externalPath(actor, agent)
  const entry = entryFile ?? (file === null ? DEFAULT_ENTRY : path.basename(file))
  const warnings = [
    ...(mayRead ? [] : ['Only the agent, its managers, agents that create agents and the board see its files']),
    ...(isManaged && hasPath ? ['Runs get the file of instructionsFilePath as well, before these files'] : []),
    ...(isManaged && files.length > 0 && !files.some((each) => each.path === entry) ? [`The entry file ${entry} does not exist`] : []),
  ]
  return {
    agentId: agent.id,
    companyId: agent.companyId,
    mode: isManaged ? 'managed' : hasPath ? 'external' : null,
    rootPath: isManaged ? `$${INSTRUCTIONS_VARIABLE}` : file === null ? null : path.dirname(file),
    managedRootPath: `$${INSTRUCTIONS_VARIABLE}`,
    entryFile: entry,
    resolvedEntryPath: isManaged ? `$${INSTRUCTIONS_VARIABLE}/${entry}` : file,
    editable: isManaged || !hasPath,
    warnings,
    legacyPromptTemplateActive: isSet(agent.adapterConfig['promptTemplate']),
    legacyBootstrapPromptTemplateActive: isSet(agent.adapterConfig['bootstrapPromptTemplate']),
    files: mayRead ? files.map(({ contentHash: _, ...each }) => ({ ...each, isEntryFile: each.path === entry })) : [],
  }
}

async function requireAgentRow(ctx: Ctx, agentId: string): Promise<AgentRow> {
  return (await agentById(ctx.store.read, companyOf(ctx), agentId)) ?? refuse('not_found', { message: 'Agent not found' })
}

/** The bundle of an agent. @throws Refusal `not_found` */
export async function readBundle(ctx: Ctx, agentId: string): Promise<BundleView> {
  const agent = await requireAgentRow(ctx, agentId)
  return await presentBundle(ctx.store.read, ctx.actor, agent, await loadBundle(ctx.store.read, agent.companyId, agentId))
}

const fileRow = statement<
  { agentId: string; companyId: string; path: string },
  Omit<FileFacts, 'contentHash'> & { content: string; entryFile: string }
>('instructions_file').read(sql`
  select f.path, octet_length(f.content) as size, f.content, f.revision_id as "revisionId", f.updated_by_agent_id as "updatedByAgentId",
    f.updated_by_user_id as "updatedByUserId", f.updated_at as "updatedAt", b.entry_file as "entryFile"
  from ${instructionFiles} f join ${instructionBundles} b on b.agent_id = f.agent_id
  where f.agent_id = ${param('agentId', 'uuid')} and f.company_id = ${param('companyId', 'uuid')} and f.path = ${param('path', 'text')}`)

/** The path of a file in its one form. @throws Refusal `unprocessable` */
export function requirePath(given: string | undefined): string {
  if (given === undefined) refuse('unprocessable', { message: 'Name a file of the instructions: ?path=AGENTS.md' })
  const { path: filePath, problem } = readFilePath(given)
  return filePath ?? refuse('unprocessable', { message: `That is no path of a file: ${problem}` })
}

/** One file with its text; null where it is missing. @param filePath in its one form */
export async function fileOf(db: Db, companyId: string, agentId: string, filePath: string): Promise<FileView | null> {
  const [row] = await db.run(fileRow, { agentId, companyId, path: filePath })
  if (row === undefined) return null
  const { entryFile, ...facts } = row
  return { ...facts, agentId, isEntryFile: row.path === entryFile, markdown: /\.(?:md|markdown)$/i.test(row.path) }
}

/** One file of the instructions of an agent. @throws Refusal `not_found`, also where the actor may not read them; `unprocessable` for what is no path */
export async function readInstructionsFile(ctx: Ctx, agentId: string, given: string | undefined): Promise<FileView> {
  const agent = await requireAgentRow(ctx, agentId)
  const filePath = requirePath(given)
  // The answer of the scope to a foreign or missing agent: this one is neither, and it says no more than they do.
  if (!(await mayReadInstructions(ctx.store.read, ctx.actor, agent))) refuse('not_found', { message: 'Agent not found' })
  const file = await fileOf(ctx.store.read, agent.companyId, agentId, filePath)
  return file ?? refuse('not_found', { message: 'Instructions file not found' })
}

const textRows = statement<{ agentId: string; companyId: string }, { path: string; content: string; entryFile: string }>(
  'instructions_texts',
).read(sql`
  select f.path, f.content, b.entry_file as "entryFile" from ${instructionFiles} f join ${instructionBundles} b on b.agent_id = f.agent_id
  where f.agent_id = ${param('agentId', 'uuid')} and f.company_id = ${param('companyId', 'uuid')} order by f.path`)

/** The texts of a bundle. */
export interface BundleTexts {
  readonly entryFile: string
  readonly files: readonly { readonly path: string; readonly content: string }[]
}

/** The instructions of an agent with their texts, for a run of it; null for an agent without files. */
export async function bundleTexts(db: Db, companyId: string, agentId: string): Promise<BundleTexts | null> {
  const rows = await db.run(textRows, { agentId, companyId })
  const [first] = rows
  return first === undefined
    ? null
    : { entryFile: first.entryFile, files: rows.map(({ path: filePath, content }) => ({ path: filePath, content })) }
}

const ofAgents = sql`f.company_id = ${param('companyId', 'uuid')} and f.agent_id = any(${param('agentIds', 'uuid[]')})`
const sizes = statement<{ companyId: string; agentIds: string[] }, { files: number; bytes: number }>('instructions_size').read(sql`
  select count(*)::int as files, coalesce(sum(octet_length(f.content)), 0)::float8 as bytes from ${instructionFiles} f where ${ofAgents}`)
const bundleRows = statement<{ companyId: string; agentIds: string[] }, BundleTexts & { agentId: string }>('instructions_of_agents')
  .read(sql`
  select b.agent_id as "agentId", b.entry_file as "entryFile",
    (select coalesce(json_agg(json_build_object('path', f.path, 'content', f.content) order by f.path), '[]'::json) from ${instructionFiles} f where f.agent_id = b.agent_id) as files
  from ${instructionBundles} b where b.company_id = ${param('companyId', 'uuid')} and b.agent_id = any(${param('agentIds', 'uuid[]')})`)

/** How many files the instructions of some agents have, and how long these are, before any of them is read. */
export const measureBundles = async (db: Db, companyId: string, agentIds: string[]): Promise<{ files: number; bytes: number }> =>
  exactlyOne(await db.run(sizes, { companyId, agentIds }))

/** The instructions of some agents with their texts, by the ids of the agents. */
export const bundlesOf = async (db: Db, companyId: string, agentIds: string[]): Promise<ReadonlyMap<string, BundleTexts>> =>
  new Map((await db.run(bundleRows, { companyId, agentIds })).map(({ agentId, ...texts }) => [agentId, texts]))
