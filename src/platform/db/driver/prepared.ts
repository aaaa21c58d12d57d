import pg from 'pg'
import { rowMakerOf } from './rowMaker.ts'
import type { RowMaker } from './rowMaker.ts'

/** The values that the driver derives from the description of a result and makes rows with. */
interface Description {
  fields: Parameters<typeof rowMakerOf>[0]
  _parsers: Parameters<typeof rowMakerOf>[1]
  _prebuiltEmptyResultObject: unknown
}

/** A description that is kept, with what makes rows of it; undefined where the driver does. */
type KeptDescription = Description & { readonly maker: RowMaker | undefined }

/** A connection as the driver's queries see it: the messages that can be sent on it. */
export interface DriverConnection {
  bind(config: { statement: string; portal: string; values: unknown[]; valueMapper: (value: unknown) => unknown }): void
  execute(config: { portal: string; rows?: number }): void
  sync(): void
  flush(): void
}

/** The driver's query, with the parts that its types leave out. */
interface DriverQuery {
  name: string | undefined
  values: unknown[]
  /** The rows that one execution asks for; undefined for all. */
  rows: number | undefined
  _result: Description & { readonly rows: unknown[] }
  _accumulateRows: unknown
  prepare(connection: DriverConnection): void
  handleRowDescription(message: unknown): void
  handleDataRow(message: { length: number; fields: (string | null)[] }): void
  handleCommandComplete(message: unknown, connection: DriverConnection): void
  handlePortalSuspended(connection: DriverConnection): void
  handleError(error: unknown, connection: DriverConnection): void
}

const { Query, utils } = pg as unknown as {
  Query: new (text: string, values: unknown[]) => DriverQuery
  utils: { prepareValue: (value: unknown) => unknown }
}

/** The descriptions of the results of a connection's prepared statements, by the names of the statements. */
const descriptionsByConnection = new WeakMap<DriverConnection, Map<string, KeptDescription>>()

/** Set once the driver has been found to differ from the expectation: every query is then the driver's own. */
let isPlain = false

/** A statement with its values. */
export interface Bound {
  /** Undefined for a statement that is planned on every use. */
  readonly name: string | undefined
  readonly text: string
  readonly values: unknown[]
  /** The values of a row stay the texts that Postgres sends, in the order of the columns. */
  readonly isRaw?: boolean
}

/**
 * A statement that is prepared and described once per connection. The driver asks Postgres on every execution for the
 * description of the result. For an issue of fifty columns that costs as much as the row: a sixth of the garbage of a
 * read. The description cannot change on a connection: Postgres refuses to run a prepared statement whose result would
 * have another shape ("cached plan must not change result type").
 */
export class PreparedQuery extends Query {
  readonly #name: string | undefined
  readonly #isRaw: boolean
  #connection: DriverConnection | undefined
  #maker: RowMaker | undefined

  constructor({ name, text, values, isRaw = false }: Bound) {
    super(text, values)
    this.name = name
    this.#name = name
    this.#isRaw = isRaw
  }

  override prepare(connection: DriverConnection): void {
    if (isPlain || this.#name === undefined) return super.prepare(connection)
    const cached = descriptionsByConnection.get(connection)?.get(this.#name)
    if (cached === undefined) {
      this.#connection = connection
      return super.prepare(connection)
    }
    const result = this._result
    result.fields = cached.fields
    result._parsers = cached._parsers
    result._prebuiltEmptyResultObject = cached._prebuiltEmptyResultObject
    this._accumulateRows = true
    this.#maker = cached.maker
    // A value that cannot be written as text throws here, before anything is sent.
    connection.bind({ statement: this.#name, portal: '', values: this.values, valueMapper: utils.prepareValue })
    this.execute(connection)
  }

  /** Sends the execution of a statement that has been described. */
  protected execute(connection: DriverConnection): void {
    if (this.rows === undefined) {
      connection.execute({ portal: '' })
      connection.sync()
    } else {
      connection.execute({ portal: '', rows: this.rows })
      connection.flush()
    }
  }

  override handleDataRow(message: { length: number; fields: (string | null)[] }): void {
    if (this.#isRaw) return void this._result.rows.push(message.fields)
    if (this.#maker === undefined) return super.handleDataRow(message)
    let row: object
    try {
      row = this.#maker(message.fields)
    } catch {
      // The driver fails in the same way, and fails the query with it.
      return super.handleDataRow(message)
    }
    this._result.rows.push(row)
  }

  override handleCommandComplete(message: unknown, connection: DriverConnection): void {
    // The driver takes the kind of the command and the number of rows out of a text. Nothing asks a statement with a name for them.
    if (this.#maker !== undefined && this.rows === undefined) return
    this.rememberDescription()
    super.handleCommandComplete(message, connection)
  }

  /** A statement that has run has been described; a statement without rows has an empty description. */
  protected rememberDescription(): void {
    if (this.#connection === undefined || this.#name === undefined) return
    const connection = this.#connection
    const { fields, _parsers, _prebuiltEmptyResultObject } = this._result
    const cached = descriptionsByConnection.get(connection) ?? new Map<string, KeptDescription>()
    const maker = rowMakerOf(fields, _parsers)
    descriptionsByConnection.set(connection, cached.set(this.#name, { fields, _parsers, _prebuiltEmptyResultObject, maker }))
  }
}

/** The messages of an answer, as the driver passes them to a query. */
interface Answered {
  callback: (error: unknown, result: { rows: unknown[] }) => void
  handleRowDescription(message: { fields: object[] }): void
  handleDataRow(message: { fields: (string | null)[] }): void
  handleCommandComplete(message: { text: string }, connection: DriverConnection): void
  handleReadyForQuery(connection: DriverConnection): void
}

/**
 * Whether a query of this version of the driver can take over the description of an earlier result: runs a statement
 * twice against messages made here, the second time without a description. Where it cannot, every statement from then on is described on
 * each execution.
 */
export function reusesDescriptions(): boolean {
  isPlain = !canReuseDescription()
  return !isPlain
}

function canReuseDescription(): boolean {
  const sent: string[] = []
  const send = (message: string) => (): void => void sent.push(message)
  const connection = {
    parsedStatements: {},
    submittedNamedStatements: {},
    parse: send('parse'),
    bind({ values, valueMapper }: Parameters<DriverConnection['bind']>[0]) {
      sent.push(`bind ${values.map(valueMapper).join()}`)
    },
    describe: send('describe'),
    execute: send('execute'),
    sync: send('sync'),
    flush: send('flush'),
  }
  const answer = (isDescribed: boolean): unknown => {
    const query = new PreparedQuery({ name: 'probe', text: 'select $1', values: [7] })
    const answered = query as unknown as Answered
    let rows: unknown
    answered.callback = (_, result) => void (rows = result.rows)
    query.prepare(connection)
    if (isDescribed) answered.handleRowDescription({ fields: [{ name: 'a', dataTypeID: 23, format: 'text' }] })
    answered.handleDataRow({ fields: ['1'] })
    answered.handleCommandComplete({ text: 'SELECT 1' }, connection)
    answered.handleReadyForQuery(connection)
    return rows
  }
  try {
    const expected = JSON.stringify([{ a: 1 }])
    if (JSON.stringify(answer(true)) !== expected || !sent.includes('describe')) return false
    sent.length = 0
    return JSON.stringify(answer(false)) === expected && sent.join() === 'bind 7,execute,sync'
  } catch {
    return false
  }
}
