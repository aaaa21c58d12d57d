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

/** (tx) The names and shortnames that agents of a company use, in lower case. Expects the company's row lock. */
export async function namesInUse(
  tx: Tx,
  companyId: string,
  exceptAgentId: string | null,
): Promise<{ names: Set<string>; urlKeys: Set<string> }> {
  const rows = await tx.run(selectNames, { companyId, except: exceptAgentId })
  return { names: new Set(rows.map((row) => row.name.toLowerCase())), urlKeys: new Set(rows.map((row) => row.urlKey)) }
}

/** The name itself, or the name with the first number from 2 on that makes it and its shortname free. */
export function uniqueName(name: string, id: string, inUse: { names: Set<string>; urlKeys: Set<string> }): string {
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? name : `${name} ${number}`
    if (!inUse.names.has(candidate.toLowerCase()) && !inUse.urlKeys.has(urlKeyOf(candidate, id))) return candidate
  }
}
