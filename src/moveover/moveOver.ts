// Moves companies of a Paperclip server here, from its database.

import { systemCtx } from '../platform/db/context.ts'
import { codeOf, isConnectionFailure } from '../platform/db/databaseErrors.ts'
import type { Store } from '../platform/db/types.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import { isStartProblem, startProblem } from '../platform/kernel/startProblem.ts'
import { agentTables, moveAgents, moveKeys } from './agents.ts'
import { approvalLinks, approvalTables, moveApprovals } from './approvals.ts'
import { commentTable, moveComments } from './comments.ts'
import { bringCompany, companyColumns, finishCompany, placeOf } from './companies.ts'
import type { SourceCompany } from './companies.ts'
import { costTable, moveCosts } from './costs.ts'
import { documentTables, moveDocuments } from './documents.ts'
import { goalTable, moveGoals } from './goals.ts'
import { historyTable, moveHistory } from './history.ts'
import { issueTable, labelLinks, moveIssues } from './issues.ts'
import { labelTable, moveLabels } from './labels.ts'
import { countLeftBehind } from './leftBehind.ts'
import type { LeftBehind } from './leftBehind.ts'
import type { Move, Present } from './move.ts'
import { moveProjects, projectLinks, projectTables } from './projects.ts'
import { moveRuns, runTable } from './runs.ts'
import { checkSchema } from './schema.ts'
import { moveSecrets, secretsWithoutValue, secretTable } from './secrets.ts'
import { isUnreachable, openSource } from './source.ts'
import type { SourceConnection, SourcePlace } from './source.ts'
import { readCompanies } from './readCompanies.ts'
import { createTally } from './tally.ts'
import type { MoveProblem, TableCounts, Tally } from './tally.ts'

const tables = [
  ...agentTables,
  goalTable,
  ...projectTables,
  labelTable,
  secretTable,
  issueTable,
  runTable,
  commentTable,
  ...documentTables,
  ...approvalTables,
  costTable,
  historyTable,
]

/** The parts of a company in the order in which they come: what is named comes before what names it. */
const parts: readonly { readonly name: string; readonly move: (move: Move) => Promise<void> }[] = [
  { name: 'secrets', move: moveSecrets },
  { name: 'agents', move: moveAgents },
  { name: 'keys of agents', move: moveKeys },
  { name: 'goals', move: moveGoals },
  { name: 'projects', move: moveProjects },
  { name: 'labels', move: moveLabels },
  { name: 'issues', move: moveIssues },
  { name: 'runs', move: moveRuns },
  { name: 'comments', move: moveComments },
  { name: 'documents', move: moveDocuments },
  { name: 'approvals', move: moveApprovals },
  { name: 'costs', move: moveCosts },
  { name: 'activity', move: moveHistory },
]

export interface MoveOverRequest {
  /** The URL of the source's database. No output contains it. */
  readonly from: string
  readonly store: Store
  /** Ids or issue prefixes of companies; null for all. */
  readonly companies: readonly string[] | null
  /** False shows what would come, and writes nothing. */
  readonly isApplied: boolean
  /** Companies that were active there are active here when they are whole; otherwise they stay paused until a person resumes them. */
  readonly activate: boolean
  /** Receives sentences about the progress. They may have names of the source in them. */
  readonly onProgress?: (sentence: string) => void
  /** Ends the move between two batches. Committed rows stay, and the next move goes on behind them. */
  readonly signal?: AbortSignal
}

/** The result for a company, or the one that it would have. */
export interface CompanyMove {
  readonly id: string
  readonly name: string
  readonly issuePrefix: string
  /** `new`: it was not here before. `here`: an earlier move brought it. `refused`: it cannot come, for the reason. `cut`: the move ended in it. */
  readonly outcome: 'new' | 'here' | 'refused' | 'cut'
  readonly reason: string | null
  readonly isActivated: boolean
  readonly tables: Readonly<Record<string, Readonly<TableCounts>>>
  readonly problems: readonly MoveProblem[]
  /** The names of secrets whose values must be entered again. */
  readonly secretsToEnter: readonly string[]
}

/** The rest of a company, which is still to come. */
interface LeftOver {
  readonly issuePrefix: string
  /** The parts of it, in their order. */
  readonly parts: readonly string[]
}

/** Why a move ended before it was complete. Rows that it had written stay, and the next move goes on behind it. */
export interface MoveEnd {
  readonly kind: 'interrupted' | 'unreachable' | 'failed'
  /** A sentence for the operator. */
  readonly message: string
  readonly left: readonly LeftOver[]
}

export interface MoveOverReport {
  readonly isApplied: boolean
  readonly source: SourcePlace
  readonly companies: readonly CompanyMove[]
  /** Companies of the source that cannot be read at all. */
  readonly problems: readonly MoveProblem[]
  readonly leftBehind: readonly LeftBehind[]
  /** Null for a move that is complete. */
  readonly end: MoveEnd | null
}

const noneYet = (): Present => ({
  agents: new Set(),
  goals: new Set(),
  projects: new Set(),
  workspaces: new Set(),
  issues: new Set(),
  approvals: new Set(),
  documents: new Set(),
  labels: new Map(),
})

/** Why the error of a move is its end and no bug; null for a bug. */
function endOf(error: unknown, signal: AbortSignal | undefined): Omit<MoveEnd, 'left'> | null {
  if (signal?.aborted === true) return { kind: 'interrupted', message: 'The move was interrupted' }
  if (isStartProblem(error)) return { kind: isUnreachable(error) ? 'unreachable' : 'failed', message: error.message }
  if (isConnectionFailure(error)) return { kind: 'unreachable', message: 'The connection to the database of this server was lost' }
  const code = error instanceof Refusal ? error.code : codeOf(error)
  // The message of the database may quote a row.
  return code === undefined ? null : { kind: 'failed', message: `The database of this server refuses the work (${code})` }
}

interface Opened {
  readonly request: MoveOverRequest
  readonly source: SourceConnection
  readonly place: SourcePlace
}

/** The task under which the command stands in audit rows. */
const TASK = 'moveover'

function moveOf({ request, source, place }: Opened, company: SourceCompany): Move {
  const { store, isApplied, signal } = request
  return {
    source,
    place,
    store,
    isApplied,
    ctx: systemCtx(store, company.id, TASK),
    companyId: company.id,
    issuePrefix: company.issuePrefix,
    tally: createTally(),
    present: noneYet(),
    pulse: () => signal?.throwIfAborted(),
  }
}

const resultOf = ({ id, name, issuePrefix }: SourceCompany, { tables: counts, problems }: Pick<Tally, 'tables' | 'problems'>) => ({
  id,
  name,
  issuePrefix,
  tables: Object.fromEntries(counts),
  problems,
})

/** The move of one company as far as it has come. */
interface Moving {
  readonly move: Move
  readonly company: SourceCompany
  /** Parts that are complete. */
  done: number
}

/** Moves one company, part by part. */
async function moveCompany({ request }: Opened, moving: Moving): Promise<CompanyMove> {
  const { move, company } = moving
  const place = request.isApplied ? await bringCompany(move, company) : await placeOf(move, company)
  if (place.kind === 'taken')
    return { ...resultOf(company, move.tally), outcome: 'refused', reason: place.reason, isActivated: false, secretsToEnter: [] }
  for (const part of parts) {
    request.onProgress?.(`${company.issuePrefix}: ${part.name}`)
    await part.move(move)
    moving.done += 1
  }
  const isActivated = request.isApplied && (await finishCompany(move, company, request.activate))
  const secretsToEnter = request.isApplied ? await secretsWithoutValue(move) : []
  return { ...resultOf(company, move.tally), outcome: place.kind, reason: null, isActivated, secretsToEnter }
}

/** Moves companies one by one. An end in the middle is reported with what was done before it, because that stays. */
async function moveCompanies(opened: Opened, companies: readonly SourceCompany[]): Promise<Pick<MoveOverReport, 'companies' | 'end'>> {
  const results: CompanyMove[] = []
  const partNames = parts.map(({ name }) => name)
  for (const [at, company] of companies.entries()) {
    const moving: Moving = { move: moveOf(opened, company), company, done: 0 }
    try {
      results.push(await moveCompany(opened, moving))
    } catch (error) {
      const end = endOf(error, opened.request.signal)
      if (end === null) throw error
      const begun = {
        ...resultOf(company, moving.move.tally),
        outcome: 'cut' as const,
        reason: end.message,
        isActivated: false,
        secretsToEnter: [],
      }
      const others = companies.slice(at + 1).map(({ issuePrefix }) => ({ issuePrefix, parts: partNames }))
      const left = [{ issuePrefix: company.issuePrefix, parts: partNames.slice(moving.done) }, ...others]
      return { companies: [...results, begun], end: { ...end, left } }
    }
  }
  return { companies: results, end: null }
}

/** The companies that were asked for. @throws a problem that names one that the source does not have */
function chosen(all: readonly SourceCompany[], asked: readonly string[] | null): readonly SourceCompany[] {
  if (asked === null) return all
  const unknown = asked.find((name) => !all.some(({ id, issuePrefix }) => name.toLowerCase() === id || name.toUpperCase() === issuePrefix))
  if (unknown !== undefined) {
    const prefixes = all.map(({ issuePrefix }) => issuePrefix).slice(0, 20)
    throw startProblem(`The source has no company with the id or the issue prefix ${unknown}. It has: ${prefixes.join(', ') || 'none'}`)
  }
  return all.filter(({ id, issuePrefix }) => asked.some((name) => name.toLowerCase() === id || name.toUpperCase() === issuePrefix))
}

/**
 * Moves companies of a Paperclip server here: reads its database in one read-only snapshot, and writes here in bounded batches, each with an audit
 * row. A repeat brings only what is new, and a move that was cut off goes on where it was. An end in the middle of a company is in the report.
 * @throws a problem with a sentence for the operator when the source cannot be read or has a schema that is not known
 */
export async function moveOver(request: MoveOverRequest): Promise<MoveOverReport> {
  const source = await openSource(request.from, request.signal)
  try {
    const schema = await checkSchema(source, tables, [...projectLinks, labelLinks, ...approvalLinks], companyColumns)
    const place = { release: schema.release, host: source.host, database: source.database }
    const unreadable = createTally()
    const companies = chosen(await readCompanies(source, unreadable), request.companies)
    const moved = await moveCompanies({ request, source, place }, companies)
    const companyIds = companies.map(({ id }) => id)
    const leftBehind = moved.end === null ? await countLeftBehind(source, schema, new Set(tables.map(({ name }) => name)), companyIds) : []
    return { isApplied: request.isApplied, source: place, ...moved, problems: unreadable.problems, leftBehind }
  } finally {
    await source.close()
  }
}
