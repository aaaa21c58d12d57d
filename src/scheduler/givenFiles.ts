import type { Given } from '../adapters/index.ts'
import type { StartOrder } from '../control/dispatch/index.ts'
import { bundleTexts } from '../org/instructions/index.ts'
import { builtInSkills, describeSkill, desiredSkillsOf, filesOf, SKILL_FILE, takesSkills } from '../org/skills/index.ts'
import type { Store } from '../platform/db/types.ts'

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The skills of an agent in the order of its configuration. A skill that the company does not have any more is left out. */
async function skillsOf(
  store: Store,
  { companyId, adapterConfig }: Pick<StartOrder, 'companyId' | 'adapterConfig'>,
): Promise<Given['skills']> {
  const names = isRecord(adapterConfig) ? desiredSkillsOf({ adapterConfig }) : []
  const ofCompany = await filesOf(
    store.read,
    companyId,
    names.filter((name) => !builtInSkills.has(name)),
  )
  const stored = new Map(ofCompany.map(({ slug, files }) => [slug, files]))
  return [...new Set(names)].flatMap((name) => {
    const text = builtInSkills.get(name)
    const files = text === undefined ? stored.get(name) : [{ path: SKILL_FILE, content: text }]
    if (files === undefined) return []
    const head = files.find(({ path }) => path === SKILL_FILE)
    return [{ name, description: head === undefined ? null : describeSkill(head.content).description, files }]
  })
}

/** The instructions and skills of the agent of a run that is a program of this host; nothing for others. @throws when the database is away */
export async function loadGiven(
  store: Store,
  order: Pick<StartOrder, 'companyId' | 'agentId' | 'adapterType' | 'adapterConfig'>,
): Promise<Given> {
  if (!takesSkills(order.adapterType)) return { instructions: null, skills: [] }
  const { companyId, agentId } = order
  const [instructions, skills] = await Promise.all([bundleTexts(store.read, companyId, agentId), skillsOf(store, order)])
  return { instructions, skills }
}
