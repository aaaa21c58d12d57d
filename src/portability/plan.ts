import { freeName, urlKeyOf } from '../agents/index.ts'
import type { Actor } from '../kernel/actor.ts'
import { readPackage } from './package.ts'
import type { AgentPart, CompanyPart, IssuePart, Package, ProjectPart } from './package.ts'
import type { Present } from './rows.ts'
import type { ImportOrder, Included } from './views.ts'

type Action = 'create' | 'update' | 'skip'

/** What is to become of one part of a package. */
export interface Step<P> {
  readonly part: P
  readonly action: Action
  readonly name: string
  /** The row it meets, where it is not a new one. */
  readonly existingId: string | null
  readonly reason: string | null
}

/** What an import would do, decided before anything is done. */
export interface Plan {
  readonly include: Included
  readonly company: { readonly action: 'create' | 'update' | 'none'; readonly name: string | null; readonly part: CompanyPart | null }
  readonly agents: readonly Step<AgentPart>[]
  readonly projects: readonly Step<ProjectPart>[]
  readonly issues: readonly IssuePart[]
  readonly pack: Package
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
}

/**
 * The parts in their order, but for those that name a later one: that one comes first.
 * @returns the ordered ones, and those that stand above themselves
 */
function inOrder<P extends { readonly slug: string }>(parts: readonly P[], above: (part: P) => string | null | undefined): [P[], P[]] {
  const bySlug = new Map(parts.map((part) => [part.slug, part]))
  const ordered = new Set<P>()
  const circling = new Set<P>()
  for (const part of parts) {
    const line: P[] = []
    for (let next: P | undefined = part; next !== undefined && !ordered.has(next) && !circling.has(next);) {
      line.push(next)
      const higher = bySlug.get(above(next) ?? '')
      if (higher !== undefined && line.includes(higher)) for (const each of line) circling.add(each)
      next = higher
    }
    for (const each of line.toReversed()) if (!circling.has(each)) ordered.add(each)
  }
  return [[...ordered], [...circling]]
}

/** An agent as the board takes it over: an adapter chosen instead of the package's comes without the package's settings. */
function overridden(part: AgentPart, order: ImportOrder, warnings: string[]): AgentPart {
  const override = order.adapterOverrides?.[part.slug]
  if (override === undefined) return part
  const { env, promptTemplate } = part.adapterConfig ?? {}
  const kept = { ...(env === undefined ? {} : { env }), ...(promptTemplate === undefined ? {} : { promptTemplate }) }
  const isSame = override.adapterType === (part.adapterType ?? 'process')
  const lost = isSame ? [] : Object.keys(part.adapterConfig ?? {}).filter((key) => !(key in kept))
  if (lost.length > 0) warnings.push(`${part.path}: ${lost.join(', ')} belongs to another adapter and is left out`)
  const adapterConfig = { ...(isSame ? part.adapterConfig : kept), ...override.adapterConfig }
  return { ...part, adapterType: override.adapterType as AgentPart['adapterType'], adapterConfig }
}

/** An agent as another agent may bring it in: nothing of what the host runs, and no power over others (I18). */
function harmlessAgent(part: AgentPart, warnings: string[]): AgentPart {
  const { adapterType: _, adapterConfig, runtimeConfig, permissions, ...rest } = part
  const isHeld = [adapterConfig, runtimeConfig].some((config) => config !== undefined && Object.keys(config).length > 0)
  if (isHeld || (part.adapterType ?? 'process') !== 'process')
    warnings.push(`${part.path}: its adapter and settings need the board and are left out`)
  if (part.role === 'ceo' || permissions?.canCreateAgents === true)
    warnings.push(`${part.path}: its powers need the board and are left out`)
  return { ...rest, role: part.role === 'ceo' ? 'general' : part.role, permissions: { canCreateAgents: false } }
}

function harmlessProject(part: ProjectPart, warnings: string[]): ProjectPart {
  const { env, executionWorkspacePolicy, workspaces = [], ...rest } = part
  const told = workspaces.map(
    ({ cwd: _, setupCommand: _setup, cleanupCommand: _cleanup, runtimeConfig: _config, ...workspace }) => workspace,
  )
  const isHeld = workspaces.some((workspace) =>
    [workspace.cwd, workspace.setupCommand, workspace.cleanupCommand, workspace.runtimeConfig].some(Boolean),
  )
  if (isHeld || env || executionWorkspacePolicy)
    warnings.push(`${part.path}: its environment, folders and commands need the board and are left out`)
  return { ...rest, workspaces: told.filter((workspace) => Boolean(workspace.repoUrl)) }
}

/** Where a package meets what a company has. */
function planAgents(parts: readonly AgentPart[], present: Present, order: ImportOrder): Step<AgentPart>[] {
  const inUse = {
    names: new Set(present.agents.map((agent) => agent.name.toLowerCase())),
    urlKeys: new Set(present.agents.map((agent) => agent.urlKey)),
  }
  return parts.map((part): Step<AgentPart> => {
    const urlKey = urlKeyOf(part.name, part.slug)
    const met = present.agents.find((agent) => agent.urlKey === part.slug || agent.urlKey === urlKey)
    if (met !== undefined && order.collisionStrategy === 'skip')
      return { part, action: 'skip', name: met.name, existingId: met.id, reason: 'An agent of that name is there' }
    if (met !== undefined && order.collisionStrategy === 'replace')
      return { part, action: 'update', name: met.name, existingId: met.id, reason: 'An agent of that name is there' }
    const name = freeName(part.name, part.slug, inUse)
    inUse.names.add(name.toLowerCase())
    inUse.urlKeys.add(urlKeyOf(name, part.slug))
    return { part, action: 'create', name, existingId: null, reason: name === part.name ? null : 'An agent of that name is there' }
  })
}

function planProjects(parts: readonly ProjectPart[], present: Present, order: ImportOrder): Step<ProjectPart>[] {
  const taken = new Set(present.projects.map((project) => project.name.toLowerCase()))
  return parts.map((part): Step<ProjectPart> => {
    const met = present.projects.find((project) => project.urlKey === part.slug || project.name.toLowerCase() === part.name.toLowerCase())
    const reason = 'A project of that name is there'
    if (met !== undefined && order.collisionStrategy !== 'rename')
      return { part, action: order.collisionStrategy === 'skip' ? 'skip' : 'update', name: met.name, existingId: met.id, reason }
    let name = part.name
    for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${part.name} ${number}`
    taken.add(name.toLowerCase())
    return { part, action: 'create', name, existingId: null, reason: name === part.name ? null : reason }
  })
}

/** The files of an order. What is not sent is not fetched: this host opens nothing because a request says so. */
function filesOf(order: ImportOrder): Readonly<Record<string, unknown>> {
  if (order.source.type !== 'inline') return {}
  if (order.selectedFiles === undefined) return order.source.files
  const kept = new Set(['COMPANY.md', '.paperclip.yaml', ...order.selectedFiles])
  return Object.fromEntries(Object.entries(order.source.files).filter(([path]) => kept.has(path)))
}

const timerOf = (config: AgentPart['runtimeConfig']): boolean => {
  const heartbeat = config?.['heartbeat']
  return typeof heartbeat === 'object' && heartbeat !== null && 'intervalSec' in heartbeat
}

/**
 * Decides what an import does. Pure: the same package, company and order give the same plan.
 * @param present what the target has; null for a company that is yet to be made
 */
export function planImport(actor: Actor, order: ImportOrder, present: Present | null): Plan {
  const pack = readPackage(filesOf(order))
  const warnings = [...pack.warnings]
  const errors = [...pack.errors]
  const wants = order.include
  const include: Included = {
    company: (wants?.company ?? true) && pack.company !== null,
    agents: (wants?.agents ?? true) && pack.agents.length > 0,
    projects: (wants?.projects ?? true) && pack.projects.length > 0,
    issues: (wants?.issues ?? true) && pack.issues.length > 0,
    skills: false,
  }
  const selected = order.agents === 'all' ? null : new Set(order.agents)
  for (const slug of selected ?? [])
    if (!pack.agents.some((agent) => agent.slug === slug)) warnings.push(`There is no agent ${slug} in the package`)
  const isBoard = actor.kind === 'board'
  const chosen = include.agents ? pack.agents.filter((agent) => selected === null || selected.has(agent.slug)) : []
  const shown = chosen.map((part) => (isBoard ? overridden(part, order, warnings) : harmlessAgent(part, warnings)))
  for (const part of shown)
    if (timerOf(part.runtimeConfig)) warnings.push(`${part.path}: has a timer, by which it runs once it is imported`)
  const [agents, circling] = inOrder(shown, (part) => part.reportsTo)
  for (const part of circling) errors.push(`${part.path}: reports to itself, directly or not`)
  const projects = (include.projects ? pack.projects : []).map((part) => (isBoard ? part : harmlessProject(part, warnings)))
  const [issues, nested] = inOrder(include.issues ? pack.issues : [], (part) => part.parent)
  for (const part of nested) errors.push(`${part.path}: is below itself`)
  const none: Present = { agents: [], projects: [], labels: [] }
  const isNew = order.target.mode === 'new_company'
  const name = (order.target.mode === 'new_company' ? order.target.newCompanyName : null) ?? pack.company?.name ?? null
  if (isNew && name === null) errors.push('The package names no company; give newCompanyName')
  const updates = !isNew && include.company && order.collisionStrategy === 'replace'
  return {
    include,
    company: { action: isNew ? 'create' : updates ? 'update' : 'none', name, part: include.company ? pack.company : null },
    agents: planAgents(agents, present ?? none, order),
    projects: planProjects(projects, present ?? none, order),
    issues,
    pack,
    warnings,
    errors,
  }
}
