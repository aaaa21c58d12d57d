import { allEvents, allStateMachines } from '../../server/eventCatalogue.ts'
import { version } from '../../server/config.ts'
import { configSchema } from '../../server/configSchema.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { openapi } from '../../http/openapi.ts'
import { declaredRoutes } from '../testing/declaredRoutes.ts'
import { renderAdapters } from './adapterTable.ts'
import { renderEvents } from './eventTable.ts'
import { renderFullCheck } from './fullCheckTable.ts'
import { renderRefusals } from './refusalTable.ts'
import { renderRoutes } from './routeTable.ts'
import { CATALOGUE_QUERY } from '../../doctor/index.ts'
import type { SchemaObject } from '../../doctor/index.ts'
import { renderSchema } from './schemaDump.ts'
import { renderStates } from './stateDiagrams.ts'

/** As wide as the code. */
const WIDTH = 140

/** JSON as one would write it: what fits a line is one. A third of the lines, so that a diff shows what changed. */
function formatJson(value: unknown, indent = ''): string {
  const line = JSON.stringify(value)
  if (typeof value !== 'object' || value === null || indent.length + line.length <= WIDTH) return line
  const inner = `${indent}  `
  const [open, close, items] = Array.isArray(value)
    ? ['[', ']', value.map((item) => formatJson(item, inner))]
    : ['{', '}', Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${formatJson(item, inner)}`)]
  return `${open}\n${items.map((item) => `${inner}${item}`).join(',\n')}\n${indent}${close}`
}

/** The schema as the doctor compares it with a live one. */
async function renderCatalogue(pool: Pool): Promise<string> {
  const { rows } = await pool.query<SchemaObject>(CATALOGUE_QUERY)
  const version = await pool.query<{ major: number }>("select current_setting('server_version_num')::int / 10000 as major")
  const objects = rows.map(({ kind, table, name, definition }) => [kind, table, name, definition])
  return `${formatJson({ postgres: version.rows[0]?.major ?? 0, objects })}\n`
}

/**
 * The files of doc/generated that follow from the code, by name.
 * @param pool a database that nothing but the migrations has touched
 */
export const renderGenerated = async (pool: Pool): Promise<Readonly<Record<string, string>>> => ({
  'openapi.json': `${formatJson(openapi(declaredRoutes(version), version))}\n`,
  'config.schema.json': `${formatJson(configSchema())}\n`,
  'adapters.md': renderAdapters(),
  'events.md': renderEvents(allEvents),
  'fullCheck.md': renderFullCheck(),
  'routes.md': renderRoutes(declaredRoutes(version)),
  'refusals.md': renderRefusals(declaredRoutes(version)),
  'states.md': renderStates(allStateMachines),
  'catalogue.json': await renderCatalogue(pool),
  'schema.sql': await renderSchema(pool),
})
