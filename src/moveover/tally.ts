/** The fate of rows. */
export interface TableCounts {
  /** Rows that the source has. */
  inSource: number
  /** Rows that came, or would come. */
  brought: number
  /** Rows that this server has already. */
  known: number
  /** Rows that cannot come; the problems say why. */
  refused: number
}

/** A reason that applied to one or more rows of a table. */
export interface MoveProblem {
  readonly table: string
  readonly reason: string
  count: number
  /** The ids of the first rows. */
  readonly examples: string[]
}

const MAX_EXAMPLES = 5
/** Kinds of problems of one company. A source with more has other troubles, and what is left out is counted. */
const MAX_PROBLEMS = 150

/** Counts what happens to the rows of a company. */
export interface Tally {
  readonly tables: ReadonlyMap<string, Readonly<TableCounts>>
  readonly problems: readonly MoveProblem[]
  add(table: string, fate: keyof TableCounts, rows: number): void
  /** Notes a reason for a row. @param reason has no text of the source */
  note(table: string, reason: string, rowId: string): void
}

const isId = /^[0-9a-f-]{36}$/

export function createTally(): Tally {
  const tables = new Map<string, TableCounts>()
  const problems = new Map<string, MoveProblem>()
  return {
    tables,
    get problems() {
      return [...problems.values()]
    },
    add(table, fate, rows) {
      const counts = tables.get(table) ?? { inSource: 0, brought: 0, known: 0, refused: 0 }
      tables.set(table, counts)
      counts[fate] += rows
    },
    note(table, reason, rowId) {
      const key = problems.size < MAX_PROBLEMS || problems.has(`${table} ${reason}`) ? `${table} ${reason}` : 'more'
      const problem = problems.get(key) ?? { table, reason: key === 'more' ? 'further kinds of problems' : reason, count: 0, examples: [] }
      problems.set(key, problem)
      problem.count += 1
      if (problem.examples.length < MAX_EXAMPLES) problem.examples.push(isId.test(rowId) ? rowId : 'a row without a usable id')
    },
  }
}
