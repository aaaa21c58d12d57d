// The company and the agent that a command is about. People type names; the server wants ids.

import { z } from 'zod'
import type { agentView } from '../org/agents/views.ts'
import type { companyView } from '../org/companies/views.ts'
import type { Io } from './io.ts'
import { usageProblem } from './problem.ts'
import { oneLine } from './screen.ts'

type Company = z.output<typeof companyView>
type Agent = z.output<typeof agentView>

/** More companies or agents are not looked through by name. */
const MAX_NAMED = 5000

const isUuid = (text: string): boolean => z.uuid().safeParse(text).success

/** The option of commands about the rows of one company. */
export const companyOption = {
  company: z
    .string()
    .min(1)
    .optional()
    .describe('the company, by id, issue prefix or name; otherwise PAPERCLIP_COMPANY_ID, or the only one there is'),
}

/** The option that bounds a list. */
export const limitOption = (most = 1000) => ({
  limit: z.coerce.number().int().min(1).max(most).default(50).describe('rows at most'),
})

/** The reason that is kept in the audit log. */
export const reasonOption = (isRequired: boolean) => {
  const reason = z.string().trim().min(1).max(1000).describe('why, for the audit log')
  return isRequired ? reason : reason.optional()
}

/** The flag that answers the question of a command in advance. */
export const yesOption = { yes: z.boolean().default(false).describe('do it without asking') }

const named = (rows: readonly { readonly name: string; readonly id: string }[]): string =>
  rows
    .slice(0, 10)
    .map(({ id, name }) => `${oneLine(name)} (${id})`)
    .join(', ')

/** The one row among those that match. @throws a usage problem for none and for several */
function onlyOf<Row extends { readonly id: string; readonly name: string }>(
  matching: readonly Row[],
  all: readonly Row[],
  noun: string,
  asked: string,
): Row {
  const [first] = matching
  if (first === undefined)
    throw usageProblem(`No ${noun} is called ${oneLine(asked)}`, all.length === 0 ? `there is no ${noun} yet` : `there are: ${named(all)}`)
  if (matching.length > 1) throw usageProblem(`Several of them are called ${oneLine(asked)}: give an id`, named(matching))
  return first
}

/**
 * The id of the company that a command is about.
 * @throws a usage problem when none or several match
 */
export async function companyIdOf(io: Io, given: string | undefined): Promise<string> {
  const asked = given ?? (io.env['PAPERCLIP_COMPANY_ID'] || undefined)
  if (asked !== undefined && isUuid(asked)) return asked
  const companies = await io.client().list<Company>('/companies', MAX_NAMED)
  if (asked === undefined) {
    const active = companies.filter(({ status }) => status !== 'archived')
    const [only] = active.length === 0 ? companies : active
    if (only === undefined) throw usageProblem('There is no company yet', 'create one in the console, or with POST /api/companies')
    if (active.length > 1) throw usageProblem('There are several companies: give --company', named(active))
    return only.id
  }
  const wanted = asked.toLowerCase()
  const matching = companies.filter(({ name, issuePrefix }) => issuePrefix.toLowerCase() === wanted || name.toLowerCase() === wanted)
  return onlyOf(matching, companies, 'company', asked).id
}

/** The agents of a company. */
const agentsOf = async (io: Io, companyId: string): Promise<Agent[]> =>
  await io.client().list<Agent>(`/companies/${companyId}/agents`, MAX_NAMED)

/** The id of an agent by id, short name or name. @throws a usage problem when none or several match */
export async function agentIdOf(io: Io, asked: string, company: string | undefined): Promise<string> {
  if (isUuid(asked)) return asked
  const agents = await agentsOf(io, await companyIdOf(io, company))
  const wanted = asked.toLowerCase()
  const matching = agents.filter(
    ({ name, urlKey, status }) => status !== 'terminated' && (urlKey === wanted || name.toLowerCase() === wanted),
  )
  return onlyOf(matching, agents, 'agent', asked).id
}

/** The names of the agents of a company by id, for tables. */
export async function agentNamesOf(io: Io, companyId: string): Promise<(id: string | null) => string | null> {
  const names = new Map((await agentsOf(io, companyId)).map(({ id, name }) => [id, name]))
  return (id) => (id === null ? null : (names.get(id) ?? id.slice(0, 8)))
}

/** A path with a query; parameters without a value are left out. */
export function withQuery(
  path: string,
  values: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>,
): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue
    query.set(name, Array.isArray(value) ? value.join(',') : String(value as string | number | boolean))
  }
  const text = query.toString()
  return text === '' ? path : `${path}?${text}`
}
