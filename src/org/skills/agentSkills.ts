import type { z } from 'zod'
import { adapterConfigs } from '../../adapters/index.ts'
import { agentById } from '../agents/index.ts'
import type { AgentRow } from '../agents/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { builtInSkills, describedBuiltIns } from './builtIn.ts'
import { listSkillHeads } from './queries.ts'
import type { skillsOfAgentView } from './views.ts'

type Db = Pick<ReadDb, 'run'>
export type SkillsOfAgent = z.input<typeof skillsOfAgentView>

/** The skills that the configuration of an agent names. */
export function desiredSkillsOf({ adapterConfig }: Pick<AgentRow, 'adapterConfig'>): string[] {
  const names = adapterConfig['desiredSkills']
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : []
}

/** Whether runs of an adapter get files: those that are programs of this host. */
export const takesSkills = (adapterType: string): boolean =>
  Object.hasOwn(adapterConfigs, adapterType) && 'desiredSkills' in adapterConfigs[adapterType as keyof typeof adapterConfigs].shape

/** The skills of an agent, and those that it could have. Read with the skills of its company. */
export async function skillsOf(db: Db, agent: AgentRow): Promise<SkillsOfAgent> {
  const { adapterType, companyId } = agent
  const heads = await listSkillHeads(db, companyId)
  const names = desiredSkillsOf(agent)
  const desired = new Set(names)
  const present = [
    ...describedBuiltIns.map(({ name, description }) => ({ slug: name, name, description, detail: 'A skill of this server' })),
    ...heads.map(({ slug, name, description }) => ({ slug, name, description, detail: null })),
  ]
  const known = new Set(present.map(({ slug }) => slug))
  const missing = names.filter((name) => !known.has(name))
  const entries: SkillsOfAgent['entries'] = [
    ...present.map(({ slug, name, description, detail }) => ({
      key: slug,
      name,
      description,
      desired: desired.has(slug),
      managed: true,
      state: desired.has(slug) ? ('configured' as const) : ('available' as const),
      detail,
    })),
    ...missing.map((key) => ({
      key,
      name: key,
      description: null,
      desired: true,
      managed: false,
      state: 'missing' as const,
      detail: 'The company has no skill of this name',
    })),
  ]
  const supported = takesSkills(adapterType)
  return {
    adapterType,
    supported,
    mode: supported ? 'ephemeral' : 'unsupported',
    desiredSkills: names,
    entries,
    warnings: [
      ...(supported ? [] : [`Runs of ${adapterType} agents get no files, so skills have no effect`]),
      ...missing.map((name) => `The company has no skill ${name}`),
    ],
  }
}

/** The skills of an agent in the path. @throws Refusal `not_found` */
export async function readSkillsOfAgent(ctx: Ctx, agentId: string): Promise<SkillsOfAgent> {
  const agent = await agentById(ctx.store.read, companyOf(ctx), agentId)
  return await skillsOf(ctx.store.read, agent ?? refuse('not_found', { message: 'Agent not found' }))
}

/**
 * Checks the skills that an agent is to have.
 * @returns them without repetitions
 * @throws Refusal `unknown_reference` for a name without a skill; `unprocessable` for an adapter whose runs get no files
 */
export async function requireSkills(db: Db, agent: AgentRow, names: readonly string[]): Promise<string[]> {
  const wanted = [...new Set(names)]
  if (wanted.length > 0 && !takesSkills(agent.adapterType))
    refuse('unprocessable', { message: `Runs of ${agent.adapterType} agents get no files, so they have no skills` })
  const present = new Set([...builtInSkills.keys(), ...(await listSkillHeads(db, agent.companyId)).map(({ slug }) => slug)])
  const unknown = wanted.filter((name) => !present.has(name))
  if (unknown.length > 0)
    refuse('unknown_reference', { message: `The company has no skill ${unknown.slice(0, 5).join(', ')}`, details: { skills: unknown } })
  return wanted
}
