import {
  deleteInstructionsFile,
  fileOf,
  loadBundle,
  presentBundle,
  requirePath,
  updateBundle,
  writeInstructionsFile,
} from '../../org/instructions/index.ts'
import type { BundleView, FileView, InstructionsPath, PatchInstructionsBundle, PutInstructionsFile } from '../../org/instructions/index.ts'
import { isManagerOf, lockAgent, requireUsableChange } from '../../org/agents/index.ts'
import type { AgentRow } from '../../org/agents/index.ts'
import { adapterConfigs } from '../../adapters/index.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changedIfAny, mutate } from '../../platform/db/mutate.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { applyOrPropose } from './configure.ts'
import { proposeTexts } from './textChanges.ts'
import type { TextChange } from './textChanges.ts'
import type { ApprovalView } from './row.ts'

type Waiting<T> = T & { readonly approval?: ApprovalView }

/**
 * (tx) Whether the caller writes the instructions of an agent by itself: the board does, and the agent its own. Its managers, a CEO and agents that create
 * agents only propose, because instructions for others are power (I21).
 * @throws Refusal `not_self` for every other agent; `agent_terminated`
 */
async function writesItself(tx: Tx, ctx: Ctx, agent: AgentRow): Promise<boolean> {
  const { actor } = ctx
  if (agent.status === 'terminated') refuse('agent_terminated')
  if (actor.kind !== 'agent' || actor.agentId === agent.id) return true
  const mayPropose = actor.role === 'ceo' || actor.canCreateAgents || (await isManagerOf(tx, agent.companyId, actor.agentId, agent.id))
  return mayPropose ? false : refuse('not_self', { message: 'An agent writes its own instructions, and proposes those of agents below it' })
}

/** Refuses parts of a change that only the board makes. @throws Refusal `approval_required` */
function requireBoardFor(ctx: Ctx, fields: Readonly<Record<string, unknown>>): void {
  const named = Object.entries(fields).flatMap(([name, value]) => (value === undefined || value === null || value === false ? [] : [name]))
  if (ctx.actor.kind === 'agent' && named.length > 0) refuse('approval_required', { details: { fields: named } })
}

interface FileChange {
  readonly agent: AgentRow
  readonly path: string
  /** Null deletes the file. */
  readonly content: string | null
  readonly base: string | null | undefined
}

/** (tx) Writes or deletes a file, or proposes it. @returns the approval that waits; null where it is done */
async function changeFile(
  tx: Tx,
  ctx: Ctx,
  { agent, path, content, base }: FileChange,
): Promise<{ readonly approval: ApprovalView | null; readonly events: readonly DomainEvent[] }> {
  if (await writesItself(tx, ctx, agent)) {
    const write = { path, base, approvalId: null }
    const events =
      content === null
        ? await deleteInstructionsFile(tx, ctx, agent, write)
        : await writeInstructionsFile(tx, ctx, agent, { ...write, content })
    return { approval: null, events }
  }
  const before = (await loadBundle(tx, agent.companyId, agent.id)).files.find((file) => file.path === path)?.revisionId ?? null
  if (base !== undefined && base !== before)
    refuse('document_stale', { message: 'The file was changed since it was read', details: { currentRevisionId: before } })
  if (content === null && before === null) refuse('not_found', { message: 'Instructions file not found' })
  const change: TextChange = { kind: 'instructions', agentId: agent.id, path, content, baseRevisionId: before }
  const verb = content === null ? 'Delete' : before === null ? 'Add' : 'Change'
  const { value, events } = await proposeTexts(tx, ctx, {
    title: `${verb} ${path} in the instructions of ${agent.name}`,
    summary: 'Granting it makes the change. Each run of the agent follows its instructions.',
    change,
  })
  return { approval: await value, events }
}

/**
 * Writes one file of the instructions of an agent.
 * @returns the file; with an approval it is unchanged, or empty where it does not exist yet
 * @throws Refusal `not_found`, `not_self`, `approval_required`, `document_stale`, `unprocessable`
 */
export async function putInstructionsFile(
  ctx: Ctx,
  agentId: string,
  input: PutInstructionsFile,
): Promise<Waiting<FileView> | ProposedFile> {
  const companyId = companyOf(ctx)
  const path = requirePath(input.path)
  const { content, baseRevisionId: base, clearLegacyPromptTemplate: clears = false } = input
  requireBoardFor(ctx, { clearLegacyPromptTemplate: clears })
  return await mutate<Waiting<FileView> | ProposedFile>(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyId, agentId)
    await requireActingRun(tx, ctx)
    const { approval, events } = await changeFile(tx, ctx, { agent, path, content, base })
    const cleared = clears ? await updateBundle(tx, ctx, agent, { entryFile: undefined, clearsTemplates: true }) : null
    const file = await fileOf(tx, companyId, agentId, path)
    const answer = approval === null && file !== null ? file : { agentId, path, approval: approval ?? refuse('not_found') }
    return changedIfAny(answer, [...events, ...(cleared?.events ?? [])])
  })
}

/** A file that waits for the board. */
export interface ProposedFile {
  readonly agentId: string
  readonly path: string
  readonly approval: ApprovalView
}

/** (tx) The bundle after a change, with the approval that waits. */
async function answerOf(tx: Tx, ctx: Ctx, agent: AgentRow, approval: ApprovalView | null): Promise<Waiting<BundleView>> {
  const bundle = await presentBundle(tx, ctx.actor, agent, await loadBundle(tx, agent.companyId, agent.id))
  return approval === null ? bundle : { ...bundle, approval }
}

/** Deletes one file of the instructions of an agent. @throws Refusal as `putInstructionsFile` */
export async function removeInstructionsFile(
  ctx: Ctx,
  agentId: string,
  { path: given, base }: { readonly path: string | undefined; readonly base: string | undefined },
): Promise<Waiting<BundleView>> {
  return await mutate<Waiting<BundleView>>(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    await requireActingRun(tx, ctx)
    const path = requirePath(given)
    const { approval, events } = await changeFile(tx, ctx, { agent, path, content: null, base })
    return changedIfAny(await answerOf(tx, ctx, agent, approval), events)
  })
}

const EXTERNAL =
  'This server keeps instructions itself. For a file of the host, the board sets instructionsFilePath (PATCH /api/agents/:id/instructions-path)'

/**
 * Changes which file of its instructions the runs of an agent read first.
 * @throws Refusal `not_found`, `not_self`, `approval_required`; `unprocessable` for instructions outside of this server, and for an entry file that does not exist
 */
export async function patchInstructionsBundle(ctx: Ctx, agentId: string, input: PatchInstructionsBundle): Promise<Waiting<BundleView>> {
  const { mode, rootPath = null, entryFile, clearLegacyPromptTemplate: clears = false } = input
  if (mode === 'external' || rootPath !== null) refuse('unprocessable', { message: EXTERNAL })
  requireBoardFor(ctx, { clearLegacyPromptTemplate: clears })
  const entry = entryFile === undefined ? undefined : requirePath(entryFile)
  return await mutate<Waiting<BundleView>>(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    await requireActingRun(tx, ctx)
    if (!(await writesItself(tx, ctx, agent))) refuse('approval_required', { details: { fields: Object.keys(input) } })
    const updated = await updateBundle(tx, ctx, agent, { entryFile: entry, clearsTemplates: clears })
    return changedIfAny(await answerOf(tx, ctx, updated.agent, null), updated.events)
  })
}

/** The field of a configuration that names a file with instructions. */
const PATH_KEY = 'instructionsFilePath'

/** The answer to a change of the path. */
export interface PathAnswer {
  readonly agentId: string
  readonly adapterType: string
  readonly adapterConfigKey: string
  readonly path: string | null
}

/**
 * Sets the file of this host that runs of a local agent get as instructions. By an agent it is a proposal: the server opens that file (I18).
 * @throws Refusal `not_found`, `not_self`; `unprocessable` for an adapter or a field without such a file; `payload_invalid` for a path that is not absolute
 */
export async function setInstructionsPath(
  ctx: Ctx,
  agentId: string,
  { path, adapterConfigKey }: InstructionsPath,
): Promise<Waiting<PathAnswer>> {
  const key = adapterConfigKey ?? PATH_KEY
  return await mutate<Waiting<PathAnswer>>(ctx, async (tx) => {
    const agent = await lockAgent(tx, companyOf(ctx), agentId)
    await requireActingRun(tx, ctx)
    await writesItself(tx, ctx, agent)
    const { adapterType } = agent
    const fields = Object.hasOwn(adapterConfigs, adapterType) ? adapterConfigs[adapterType as keyof typeof adapterConfigs].shape : {}
    if (key !== PATH_KEY || !(PATH_KEY in fields))
      refuse('unprocessable', { message: `Runs of ${adapterType} agents take no file named by ${key}` })
    const changes = { adapterConfig: { [PATH_KEY]: path } }
    requireUsableChange(agent, changes)
    const request = { changes, rolledBackFromRevisionId: null, source: 'instructions_path_patch' } as const
    const { value, events } = await applyOrPropose(tx, ctx, agent, request)
    const { approval } = await value
    const before = agent.adapterConfig[PATH_KEY]
    // A manager that proposes learns nothing of the path that the agent has.
    const seen = ctx.actor.kind !== 'agent' || ctx.actor.agentId === agentId
    const unchangedPath = seen && typeof before === 'string' ? before : null
    const answer = { agentId, adapterType, adapterConfigKey: key, path: approval === undefined ? path : unchangedPath }
    return changedIfAny(approval === undefined ? answer : { ...answer, approval }, events)
  })
}
