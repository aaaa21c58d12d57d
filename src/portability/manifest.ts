import { agentPath, COMPANY, issuePath, projectPath } from './package.ts'
import type { Package } from './package.ts'
import type { EnvInput } from './secrets.ts'
import { withoutSecrets } from './secrets.ts'
import type { Included, Manifest } from './views.ts'

/** What a package holds, as clients show it. */
export function manifestOf(pack: Package, includes: Included, source: Manifest['source'], envInputs: readonly EnvInput[]): Manifest {
  const { company } = pack
  return {
    schemaVersion: 1,
    generatedAt: new Date().toISOString(),
    source,
    includes,
    company: company === null ? null : { path: COMPANY, name: company.name, brandColor: company.brandColor ?? null },
    agents: pack.agents.map((agent) => ({
      slug: agent.slug,
      name: agent.name,
      path: agentPath(agent.slug),
      role: agent.role ?? 'general',
      title: agent.title ?? null,
      reportsToSlug: agent.reportsTo ?? null,
      adapterType: agent.adapterType ?? 'process',
      skills: [],
    })),
    skills: [],
    projects: pack.projects.map(({ slug, name, status }) => ({ slug, name, path: projectPath(slug), status: status ?? null })),
    issues: pack.issues.map((issue) => ({
      slug: issue.slug,
      identifier: null,
      title: issue.title,
      path: issuePath(issue.slug),
      projectSlug: issue.project ?? null,
      assigneeAgentSlug: issue.assignee ?? null,
      status: issue.status,
      priority: issue.priority ?? null,
    })),
    envInputs: [...envInputs],
  }
}

const inputsOf = (config: Readonly<Record<string, unknown>>, of: Pick<EnvInput, 'agentSlug' | 'projectSlug'>): EnvInput[] =>
  withoutSecrets(config).env.map(({ key, kind }) => ({ key, kind, ...of, requirement: 'optional', defaultValue: '', description: null }))

/** The names in the environments of a package: their values are for whoever imports it to give. */
export const envInputsOf = (pack: Package): EnvInput[] => [
  ...pack.agents.flatMap(({ slug, adapterConfig, runtimeConfig }) =>
    inputsOf({ adapterConfig: adapterConfig ?? {}, runtimeConfig: runtimeConfig ?? {} }, { agentSlug: slug, projectSlug: null }),
  ),
  ...pack.projects.flatMap(({ slug, env }) => inputsOf({ env: env ?? {} }, { agentSlug: null, projectSlug: slug })),
]
