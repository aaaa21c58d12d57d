import { z } from 'zod'
import type { CompanyMove, MoveEnd, MoveOverReport, TargetPlace } from '../../moveover/index.ts'
import { isStartProblem } from '../../platform/kernel/startProblem.ts'
import { command } from '../command.ts'
import { databaseUrlOf } from '../database.ts'
import type { Io } from '../io.ts'
import { commandProblem, EXIT, usageProblem } from '../problem.ts'
import type { ExitCode } from '../problem.ts'
import { sentence } from '../screen.ts'
import { fields, table } from '../table.ts'

/** The database that companies move into. */
async function placeOf(io: Io, given: string | undefined): Promise<TargetPlace> {
  const url = await databaseUrlOf(io, given, ['DATABASE_URL'])
  return url === null ? { home: io.home } : { databaseUrl: url }
}

/** The URL of the source: an argument is in the list of processes for every account of the machine, so it may also come from the environment. */
function sourceOf(io: Io, given: string | undefined): string {
  const url = given ?? io.env['PAPERCLIP_IMPORT_FROM'] ?? ''
  if (url === '')
    throw usageProblem('The database of the Paperclip server is missing', 'give --from postgres://…, or set PAPERCLIP_IMPORT_FROM')
  return url
}

const verb = ({ isApplied }: MoveOverReport): string => (isApplied ? 'brought' : 'would bring')

function companyText(io: Io, report: MoveOverReport, company: CompanyMove): string {
  const head = fields(io.screen, [
    ['company', sentence`${company.name} (${company.issuePrefix})`],
    ['outcome', company.reason === null ? company.outcome : { text: `${company.outcome}: ${company.reason}`, tone: 'bad' }],
    ...(company.isActivated ? [['activated', 'yes'] as const] : []),
    ...(company.secretsToEnter.length > 0 ? [['secrets to enter again', company.secretsToEnter.join(', ')] as const] : []),
  ])
  const counts = table(
    io.screen,
    Object.entries(company.tables),
    [
      { title: 'table', value: ([name]) => name },
      { title: 'in source', value: ([, each]) => each.inSource },
      { title: verb(report), value: ([, each]) => each.brought },
      { title: 'here', value: ([, each]) => each.known },
      { title: 'refused', value: ([, { refused }]) => (refused > 0 ? { text: String(refused), tone: 'bad' } : 0) },
    ],
    '',
  )
  return [head, counts, problemsText(io, company.problems)].filter((text) => text !== '').join('\n\n')
}

const problemsText = (io: Io, problems: CompanyMove['problems']): string =>
  table(
    io.screen,
    problems,
    [
      { title: 'table', value: (each) => each.table },
      { title: 'rows', value: (each) => each.count },
      { title: 'what happens', value: (each) => each.reason, gives: true },
      { title: 'for example', value: (each) => each.examples[0], gives: true },
    ],
    '',
  )

function reportText(io: Io, report: MoveOverReport): string {
  const { leftBehind, companies, problems, isApplied, source } = report
  const left = table(
    io.screen,
    leftBehind,
    [
      { title: 'stays there', value: (each) => each.table },
      { title: 'rows', value: (each) => each.rows ?? '?' },
      { title: 'because', value: (each) => each.reason, gives: true },
    ],
    '',
  )
  const done = isApplied
    ? 'Done. Enter the secrets again, stop the old server, and resume each company (or repeat with --activate).'
    : 'Nothing was written. With --apply it is done.'
  const end = report.end === null ? done : endText(report.end, isApplied)
  const head = sentence`Paperclip ${source.release}, database ${source.database} at ${source.host}`
  return [head, ...companies.map((each) => companyText(io, report, each)), problemsText(io, problems), left, end]
    .filter((text) => text !== '')
    .join('\n\n')
}

/** The parts that a move which ended in the middle has left. */
const leftText = ({ left }: MoveEnd): string =>
  left
    .slice(0, MAX_LEFT)
    .map(({ issuePrefix, parts }) => (parts.length === 0 ? issuePrefix : `${issuePrefix} (${parts.join(', ')})`))
    .join('; ') + (left.length > MAX_LEFT ? `; and ${left.length - MAX_LEFT} more companies` : '')

/** Companies whose rest is named. */
const MAX_LEFT = 10

const endText = (end: MoveEnd, isApplied: boolean): string =>
  sentence`${end.message}. Still to come: ${leftText(end)}. ${isApplied ? 'What came stays, and the same command goes on behind it.' : 'Nothing was written.'}`

const exitOf = ({ end, ...report }: MoveOverReport): ExitCode => {
  if (end?.kind === 'unreachable') return EXIT.unreachable
  return end !== null || isBad(report) ? EXIT.bad : EXIT.done
}

const isBad = ({ companies, problems }: Pick<MoveOverReport, 'companies' | 'problems'>): boolean =>
  problems.length > 0 || companies.some(({ outcome }) => outcome === 'refused')

export const importCommand = command({
  name: 'import',
  summary: 'Move companies here from the database of a Paperclip server',
  details:
    'Without --apply it shows what would come, and writes nothing. The source is only read, in one snapshot, and goes on meanwhile. Ids, identifiers and the keys of agents stay as they are. A repeat brings only what is new, and one that was cut off goes on where it was. ' +
    'Companies arrive paused. The exit code is 1 when a company cannot come. doc/MOVING.md says what comes and what does not.',
  example: [
    'paperclip-server import --from postgres://reader@old.example/paperclip',
    'paperclip-server import --from postgres://reader@old.example/paperclip --company ACME --apply',
  ],
  database: true,
  options: z.object({
    from: z
      .string()
      .optional()
      .describe('URL of the database of the Paperclip server; else PAPERCLIP_IMPORT_FROM, which other accounts of the machine cannot see'),
    company: z.array(z.string()).optional().describe('id or issue prefix of a company; all companies when it is left out'),
    apply: z.boolean().default(false).describe('write what would come'),
    activate: z.boolean().default(false).describe('let companies that are active there work here when they are whole'),
    databaseUrl: z.string().optional().describe('URL of the database of this server; else DATABASE_URL, else the embedded one of the home'),
  }),
  async run(io, { from, company, apply, activate, databaseUrl }) {
    const { isUnreachable, moveOver, onTarget } = await import('../../moveover/index.ts')
    if (activate && !apply) throw usageProblem('--activate needs --apply')
    const request = {
      from: sourceOf(io, from),
      companies: company ?? null,
      isApplied: apply,
      activate,
      signal: io.signal,
      onProgress: io.note,
    }
    try {
      const report = await onTarget(await placeOf(io, databaseUrl), async (store) => await moveOver({ ...request, store }))
      const left = report.end?.kind === 'interrupted' ? { left: `still to come: ${leftText(report.end)}` } : {}
      return { data: report, text: reportText(io, report), exit: exitOf(report), ...left }
    } catch (error) {
      if (!isStartProblem(error)) throw error
      throw commandProblem(isUnreachable(error) ? EXIT.unreachable : EXIT.bad, { message: error.message })
    }
  },
})
