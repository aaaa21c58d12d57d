import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { param, statement } from '../../platform/db/statement.ts'

/** The shortname of an agent or project: lower-case words with hyphens, or the id when the name has no such letters. */
export const urlKeyOf = (name: string, id: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '') || id

const selectNames = statement<{ companyId: string; except: string | null }, { name: string; urlKey: string }>('agent_names_taken').read(sql`
  select name, url_key as "urlKey" from ${agents}
  where company_id = ${param('companyId')} and status <> 'terminated' and id is distinct from ${param('except', 'uuid')}`)

/** Names and shortnames that are in use, in lower case. */
export interface NamesInUse {
  readonly names: Set<string>
  readonly urlKeys: Set<string>
  /** By name, the number from which the search for a free one goes on: names are added and never removed. */
  readonly nextNumbers: Map<string, number>
}

/** The names of rows, as names in use. */
export const namesOf = (rows: Iterable<{ readonly name: string; readonly urlKey: string }>): NamesInUse => {
  const inUse: NamesInUse = { names: new Set(), urlKeys: new Set(), nextNumbers: new Map() }
  for (const { name, urlKey } of rows) {
    inUse.names.add(name.toLowerCase())
    inUse.urlKeys.add(urlKey)
  }
  return inUse
}

/** (tx) The names and shortnames that agents of a company use. Expects the company's row lock. */
export const namesInUse = async (tx: Tx, companyId: string, exceptAgentId: string | null): Promise<NamesInUse> =>
  namesOf(await tx.run(selectNames, { companyId, except: exceptAgentId }))

/** The name itself, or the name with the first number from 2 on that makes it and its shortname free. */
export function uniqueName(name: string, id: string, { names, urlKeys, nextNumbers }: NamesInUse): string {
  // Five hundred agents of one name in a company that has thousands of them: each search goes on where the one before ended.
  const base = name.toLowerCase()
  for (let number = nextNumbers.get(base) ?? 1; ; number += 1) {
    const candidate = number === 1 ? name : `${name} ${number}`
    if (names.has(candidate.toLowerCase()) || urlKeys.has(urlKeyOf(candidate, id))) continue
    nextNumbers.set(base, number)
    return candidate
  }
}
