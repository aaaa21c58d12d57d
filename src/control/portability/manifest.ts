import { createTurns } from '../../platform/kernel/turns.ts'
import { SKILL_FILE } from '../../org/skills/index.ts'
import { agentPath, COMPANY_PATH, issuePath, projectPath, skillPath } from './package.ts'
import type { CompanyPackage } from './package.ts'
import type { EnvInput } from './sanitizeConfig.ts'
import { envNamesOf } from './sanitizeConfig.ts'
import type { Included, Manifest } from './views.ts'

/** The contents of a package without its texts, as clients show them. */
export function buildManifest(
  companyPackage: CompanyPackage,
  includes: Included,
  source: Manifest['source'],
  envInputs: readonly EnvInput[],
): Manifest {
  const { company } = companyPackage
  return {
    schemaVersion: 1,
    generatedAt: new Date().toISOString(),
    source,
    includes,
    company: company === null ? null : { path: COMPANY_PATH, name: company.name, brandColor: company.brandColor ?? null },
    agents: companyPackage.agents.map((agent) => ({
      slug: agent.slug,
      name: agent.name,
      path: agentPath(agent.slug),
      role: agent.role ?? 'general',
      title: agent.title ?? null,
      reportsToSlug: agent.reportsTo ?? null,
      adapterType: agent.adapterType ?? 'process',
      skills: [...(agent.desiredSkills ?? [])],
    })),
    skills: companyPackage.skills.map(({ slug, name, description }) => ({ slug, name, path: skillPath(slug, SKILL_FILE), description })),
    projects: companyPackage.projects.map(({ slug, name, status }) => ({ slug, name, path: projectPath(slug), status: status ?? null })),
    issues: companyPackage.issues.map((issue) => ({
      slug: issue.slug,
      identifier: null,
      title: issue.title,
      path: issuePath(issue.slug),
      projectSlug: issue.project ?? null,
      assigneeAgentSlug: issue.assignee ?? null,
      status: issue.status,
      priority: issue.priority ?? null,
    })),
    routines: companyPackage.routines.map((routine) => ({
      slug: routine.slug,
      title: routine.title,
      path: issuePath(routine.slug),
      projectSlug: routine.project ?? null,
      assigneeAgentSlug: routine.assignee ?? null,
      status: routine.status,
      triggers: routine.triggers.map((trigger) => ({
        kind: trigger.kind,
        label: trigger.label ?? null,
        cronExpression: trigger.kind === 'schedule' ? trigger.cronExpression : null,
        timezone: trigger.kind === 'schedule' ? trigger.timezone : null,
      })),
    })),
    envInputs: [...envInputs],
  }
}

const configEnvInputs = (config: Readonly<Record<string, unknown>>, owner: Pick<EnvInput, 'agentSlug' | 'projectSlug'>): EnvInput[] =>
  envNamesOf(config).map((name) => ({ ...name, ...owner, requirement: 'optional', defaultValue: '', description: null }))

/** The names in the environments of a package. The importing person supplies their values. */
export async function collectEnvInputs(companyPackage: CompanyPackage): Promise<EnvInput[]> {
  const turns = createTurns()
  const inputs: EnvInput[] = []
  for (const { slug, adapterConfig = {}, runtimeConfig = {} } of companyPackage.agents) {
    inputs.push(...configEnvInputs({ adapterConfig, runtimeConfig }, { agentSlug: slug, projectSlug: null }))
    await turns.yieldIfDue()
  }
  for (const { slug, env } of companyPackage.projects)
    inputs.push(...configEnvInputs({ env: env ?? {} }, { agentSlug: null, projectSlug: slug }))
  return inputs
}
