import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { agents } from '../../model/agents.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { skeleton } from '../../platform/kernel/skeleton.ts'

/** The shortname that a name asks for: lower-case words with hyphens, or the id when the name has no such letters. */
export const urlKeyOf = (name: string, id: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '') || id

/**
 * The comparable part of the name of an agent or a project. Signs between words do not count, as in a shortname; letters outside
 * a-z do, so `Ünal` and `Önal` are two names.
 */
export function nameKeyOf(name: string): string {
  const letters = skeleton(name)
  const words = letters.replaceAll(/[^a-z0-9\u0080-\u{10FFFF}]+/gu, '-').replaceAll(/^-+|-+$/g, '')
  return words || letters.trim()
}

const selectNames = statement<{ companyId: string; except: string | null }, { name: string; urlKey: string }>('agent_names_taken').read(sql`
  select name, url_key as "urlKey" from ${agents}
  where company_id = ${param('companyId')} and status <> 'terminated' and id is distinct from ${param('except', 'uuid')}`)

/** Names and shortnames that are in use. */
export interface NamesInUse {
  /** As `nameKeyOf` compares them. */
  readonly names: Set<string>
  readonly urlKeys: Set<string>
  /** By name and by shortname, the number from which the search for a free one goes on: they are added and never removed. */
  readonly nextNumbers: Map<string, number>
}

/** The names of rows, as names in use. */
export const namesOf = (rows: Iterable<{ readonly name: string; readonly urlKey: string }>): NamesInUse => {
  const inUse: NamesInUse = { names: new Set(), urlKeys: new Set(), nextNumbers: new Map() }
  for (const { name, urlKey } of rows) {
    inUse.names.add(nameKeyOf(name))
    inUse.urlKeys.add(urlKey)
  }
  return inUse
}

/** (tx) The names and shortnames that agents of a company use. Expects the company's row lock. */
export const namesInUse = async (tx: Tx, companyId: string, exceptAgentId: string | null): Promise<NamesInUse> =>
  namesOf(await tx.run(selectNames, { companyId, except: exceptAgentId }))

/** Returns the first candidate that is not taken, from where the search for this base ended before: five hundred agents may have one name. */
function firstFree(
  base: string,
  nextNumbers: Map<string, number>,
  candidateOf: (number: number) => string,
  taken: (text: string) => boolean,
) {
  for (let number = nextNumbers.get(base) ?? 1; ; number += 1) {
    const candidate = candidateOf(number)
    if (taken(candidate)) continue
    nextNumbers.set(base, number)
    return candidate
  }
}

/** Takes the name itself, or the name with the first number from 2 on that makes it free. */
export function takeName(name: string, { names, nextNumbers }: NamesInUse): string {
  const free = firstFree(
    `name ${nameKeyOf(name)}`,
    nextNumbers,
    (number) => (number === 1 ? name : `${name} ${number}`),
    (candidate) => names.has(nameKeyOf(candidate)),
  )
  names.add(nameKeyOf(free))
  return free
}

/**
 * Takes the shortname that a name asks for, or the first with a number from 2 on that is free.
 * @param wanted a shortname that the agent had elsewhere; it is taken when it is one of these and free
 */
export function takeUrlKey(
  name: string,
  id: string,
  { urlKeys, nextNumbers }: Pick<NamesInUse, 'urlKeys' | 'nextNumbers'>,
  wanted?: string,
): string {
  const base = urlKeyOf(name, id)
  const number = wanted?.startsWith(base) === true ? wanted.slice(base.length) : null
  const isWantedFree = wanted !== undefined && number !== null && /^(?:-[1-9]\d{0,5})?$/.test(number) && !urlKeys.has(wanted)
  const free = isWantedFree
    ? wanted
    : firstFree(
        `key ${base}`,
        nextNumbers,
        (each) => (each === 1 ? base : `${base}-${each}`),
        (candidate) => urlKeys.has(candidate),
      )
  urlKeys.add(free)
  return free
}
