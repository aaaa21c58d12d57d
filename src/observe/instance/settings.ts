import { isDeepStrictEqual } from 'node:util'
import { sql } from 'drizzle-orm'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import { companies } from '../../model/companies.ts'
import { instanceSettings } from '../../model/instance.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { experimentalUpdated, generalUpdated } from './events.ts'
import { defaultSettings } from './views.ts'
import type { Settings } from './views.ts'

type Group = keyof Settings

const updatedEvents = { general: generalUpdated, experimental: experimentalUpdated } as const

const settingsQuery = statement<{ name: Group }, { settings: Record<string, unknown> }>('instance_settings').read(
  sql`select settings from ${instanceSettings} where name = ${param('name')}`,
)

/** A group of settings: the changed values, and the defaults of the others. */
export async function readSettings<G extends Group>(db: Pick<ReadDb, 'run'>, group: G): Promise<Settings[G]> {
  const [row] = await db.run(settingsQuery, { name: group })
  return { ...defaultSettings[group], ...row?.settings } as Settings[G]
}

// An advisory lock, because the first change of a group has no row to lock.
const lockGroup = statement<{ name: Group }, { locked: string }>('instance_settings_lock').read(
  sql`select pg_advisory_xact_lock(hashtextextended(${param('name')}, 16))::text as locked`,
)

const merge = statement<{ name: Group; settings: string }, never>('instance_settings_merge').write(sql`
  insert into ${instanceSettings} (name, settings) values (${param('name')}, ${param('settings', 'jsonb')})
  on conflict (name) do update set settings = ${instanceSettings}.settings || excluded.settings, updated_at = now()`)

const companyIds = statement<object, { id: string }>('instance_companies').read(sql`select id from ${companies} order by created_at, id`)

/**
 * Changes settings of the instance. The change is recorded for the instance and for every company, because it affects every
 * one. A patch without changes records nothing.
 */
export async function changeSettings<G extends Group>(
  ctx: Ctx,
  group: G,
  patch: { readonly [K in keyof Settings[G]]?: Settings[G][K] | undefined },
): Promise<Settings[G]> {
  return await mutate(ctx, async (tx) => {
    await tx.run(lockGroup, { name: group })
    const before = await readSettings(tx, group)
    const old = before as Readonly<Record<string, unknown>>
    const changes = Object.entries(patch).filter(([key, value]) => value !== undefined && !isDeepStrictEqual(value, old[key]))
    if (changes.length === 0) return unchanged(before)
    await tx.run(merge, { name: group, settings: JSON.stringify(Object.fromEntries(changes)) })
    const affected = (await tx.run(companyIds, {})).map((row) => row.id)
    const details = {
      ...Object.fromEntries(changes),
      changedKeys: changes.map(([key]) => key),
      _previous: Object.fromEntries(changes.map(([key]) => [key, old[key]])),
    }
    const events = [NO_COMPANY, ...affected].map((companyId) => updatedEvents[group](group, details, { companyId }))
    return changedIfAny(await readSettings(tx, group), events)
  })
}
