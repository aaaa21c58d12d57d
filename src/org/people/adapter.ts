// The database of better-auth: our tables, written by the one function that commits rows with their audit rows.

import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { getTableColumns, sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import type { CustomAdapter } from 'better-auth/adapters'
import { challenges, logins, people, signIns } from '../../model/people.ts'
import { columnsOf, dynamicRead, param } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { invariant } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { loginAdded, ofInstance, personCreated, signedIn } from './events.ts'

// Not a static import: the bundle would load it at every start (src/launch/bundle.js), and most servers have no people.
const { createAdapterFactory } = await import('better-auth/adapters')

/** The password of a flow, whose hash was computed before its transaction began. */
export interface CheckedPassword {
  /** The hash of a new password, or the stored hash with which the given one was compared. */
  readonly hash: string
  readonly isRight: boolean
}

/** One call of better-auth: it reads and writes in one transaction of ours, and its writes become events. */
interface Flow {
  readonly tx: Tx
  readonly password: CheckedPassword
  readonly events: DomainEvent[]
}

const flows = new AsyncLocalStorage<Flow>()

/** The flow of the present call. @throws Error for a call of better-auth outside of a transaction, which is a bug */
export function presentFlow(): Flow {
  const flow = flows.getStore()
  invariant(flow !== undefined, 'better-auth is called inside of a transaction')
  return flow
}

/** (tx) Calls better-auth. @returns its answer, and the events of what it wrote */
export async function inFlow<T>(tx: Tx, password: CheckedPassword, call: () => Promise<T>): Promise<{ value: T; events: DomainEvent[] }> {
  const flow: Flow = { tx, password, events: [] }
  return { value: await flows.run(flow, call), events: flow.events }
}

const tables: Readonly<Record<string, PgTable>> = { user: people, session: signIns, account: logins, verification: challenges }

function tableOf(model: string): PgTable {
  const table = tables[model]
  invariant(table !== undefined, `better-auth asks for the unknown table ${model}`)
  return table
}

type Row = Record<string, unknown>
type Where = Parameters<CustomAdapter['findOne']>[0]['where']

const operators: Readonly<Record<string, string>> = { eq: '=', ne: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' }

function columnOf(table: PgTable, field: string): PgColumn {
  const column = getTableColumns(table)[field]
  invariant(column !== undefined, `better-auth asks for the unknown column ${field}`)
  return column
}

/** The condition of a read; its values are the parameters `w0`, `w1`, … */
function conditionOf(table: PgTable, where: Where): SQL {
  const parts = where.map(({ field, operator, value, connector }, at) => {
    const column = columnOf(table, field)
    const operation = operators[operator ?? 'eq']
    invariant((connector ?? 'AND') === 'AND', 'better-auth joins conditions by and')
    if (value === null) return operator === 'ne' ? sql`${column} is not null` : sql`${column} is null`
    if (operator === 'in') return sql`${column} = any(${param(`w${at}`, `${column.getSQLType()}[]`)})`
    invariant(operation !== undefined, `better-auth uses the unknown operator ${operator}`)
    return sql`${column} ${sql.raw(operation)} ${param(`w${at}`, column.getSQLType())}`
  })
  return parts.length === 0 ? sql`true` : sql.join(parts, sql` and `)
}

const readRows = dynamicRead<Row, Row>('people_rows')

async function select(model: string, where: Where, limit: number): Promise<Row[]> {
  const table = tableOf(model)
  const shape = JSON.stringify([model, where.map(({ field, operator, value }) => [field, operator, value === null])])
  const statement = readRows(
    shape,
    () => sql`select ${columnsOf(table)} from ${table} where ${conditionOf(table, where)} limit ${param('limit', 'int')}`,
  )
  return await presentFlow().tx.run(statement, { ...Object.fromEntries(where.map(({ value }, at) => [`w${at}`, value])), limit })
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

/** The events that a row made by better-auth means. */
function eventOf(model: string, row: Row): DomainEvent[] {
  if (model === 'user') return [personCreated(String(row['id']), { name: String(row['name']), email: String(row['email']) }, ofInstance)]
  if (model === 'account') return [loginAdded(String(row['userId']), { provider: String(row['providerId']) }, ofInstance)]
  if (model !== 'session') return []
  const details = { sessionId: String(row['id']), address: text(row['ipAddress']), userAgent: text(row['userAgent']) }
  return [signedIn(String(row['userId']), details, ofInstance)]
}

/** The times of a row by the clock of Postgres, which alone decides here; better-auth computes them by that of this process. */
function timesOf({ expiresAt }: Row): Row {
  if (typeof expiresAt !== 'string') return {}
  return { expiresAt: sql`now() + ${Date.parse(expiresAt) - Date.now()} * interval '1 millisecond'` }
}

async function insert(model: string, data: Row): Promise<Row> {
  const { tx, events } = presentFlow()
  const { createdAt: _, updatedAt: __, ...given } = data
  const [row] = (await tx
    .insert(tableOf(model))
    .values({ ...given, ...timesOf(data) })
    .returning()) as Row[]
  invariant(row !== undefined, 'an insert returns its row')
  events.push(...eventOf(model, row))
  return row
}

const unsupported = (): never => {
  throw new Error('invariant broken: better-auth makes a change that this server makes itself')
}

/**
 * The adapter. It makes rows and reads them; what changes or ends them is done by verbs of ours. `transaction` runs the call in the
 * transaction of the flow.
 */
export const peopleDatabase = createAdapterFactory({
  config: {
    adapterId: 'paperclip',
    adapterName: 'paperclip',
    supportsDates: false,
    supportsNumericIds: false,
    customIdGenerator: () => randomUUID(),
    transaction: false,
  },
  adapter: (): CustomAdapter => ({
    create: async ({ model, data }) => (await insert(model, data)) as typeof data,
    findOne: async <T>({ model, where }: { model: string; where: Where }) => ((await select(model, where, 1))[0] ?? null) as T | null,
    findMany: async <T>({ model, where, limit }: { model: string; where?: Where | undefined; limit: number }) =>
      (await select(model, where ?? [], limit)) as T[],
    count: async ({ model, where }) => (await select(model, where ?? [], 1000)).length,
    update: unsupported,
    updateMany: unsupported,
    delete: unsupported,
    deleteMany: unsupported,
  }),
})
