import pg from 'pg'

/** What the driver derives from the description of a result, to make rows with. */
interface Description {
  fields: unknown[]
  _parsers: unknown
  _prebuiltEmptyResultObject: unknown
}

/** A connection as the driver's queries see it: what has been prepared on it, and the messages that can be sent. */
interface DriverConnection {
  bind(config: { statement: string; portal: string; values: unknown[]; valueMapper: (value: unknown) => unknown }): void
  execute(config: { portal: string }): void
  sync(): void
}

/** The driver's query, with those of its parts that its types leave out. */
interface DriverQuery {
  name?: string
  values: unknown[]
  _result: Description
  _accumulateRows: unknown
  prepare(connection: DriverConnection): void
  handleRowDescription(message: unknown): void
  handleCommandComplete(message: unknown, connection: DriverConnection): void
}

const { Query, utils } = pg as unknown as {
  Query: new (text: string, values: unknown[]) => DriverQuery
  utils: { prepareValue: (value: unknown) => unknown }
}

/** What the prepared statements of a connection answer with, by their names. */
const descriptionsByConnection = new WeakMap<DriverConnection, Map<string, Description>>()

/**
 * A statement that is prepared and described once per connection. The driver asks Postgres on every execution what the
 * statement answers with, and for an issue of fifty columns that costs as much as the row: a sixth of the garbage of a
 * read. The answer cannot change meanwhile: Postgres refuses to run a prepared statement whose result would have another
 * shape ("cached plan must not change result type").
 */
export class PreparedQuery extends Query {
  readonly #name: string
  #connection: DriverConnection | undefined

  constructor(name: string, text: string, values: unknown[]) {
    super(text, values)
    this.name = name
    this.#name = name
  }

  override prepare(connection: DriverConnection): void {
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
    // A value that cannot be written as text throws here, and nothing has been sent.
    connection.bind({ statement: this.#name, portal: '', values: this.values, valueMapper: utils.prepareValue })
    connection.execute({ portal: '' })
    connection.sync()
  }

  override handleCommandComplete(message: unknown, connection: DriverConnection): void {
    if (this.#connection !== undefined) this.#cacheDescription(this.#connection)
    super.handleCommandComplete(message, connection)
  }

  /** A statement that has run has been described; one without rows with nothing. */
  #cacheDescription(connection: DriverConnection): void {
    const { fields, _parsers, _prebuiltEmptyResultObject } = this._result
    const cached = descriptionsByConnection.get(connection) ?? new Map<string, Description>()
    descriptionsByConnection.set(connection, cached.set(this.#name, { fields, _parsers, _prebuiltEmptyResultObject }))
  }
}
