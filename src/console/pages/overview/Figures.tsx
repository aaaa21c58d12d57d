import type { ReactNode } from 'react'
import type { Dashboard } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { formatNumber } from '../../parts/time.ts'
import { Link } from '../../router/Link.tsx'
import type { Overview } from './data.ts'

interface Figure {
  readonly name: string
  readonly value: string
  readonly to: string
  /** Whether it asks for a look: it is drawn stronger, and says so by a sign. */
  readonly isAlert?: boolean
  readonly note?: string
}

const money = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'USD' })
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 })

function spentNote({ costs }: Dashboard): string {
  if (costs.monthBudgetCents === 0) return 'no budget is set'
  return `${percent.format(costs.monthUtilizationPercent / 100)} of ${money.format(costs.monthBudgetCents / 100)}`
}

function workFigures({ tasks, agents }: Dashboard): Figure[] {
  return [
    { name: 'Open issues', value: formatNumber(tasks.open), to: 'issues?status=todo,in_progress,in_review,blocked,backlog' },
    { name: 'In progress', value: formatNumber(tasks.inProgress), to: 'issues?status=in_progress' },
    { name: 'Blocked', value: formatNumber(tasks.blocked), to: 'issues?status=blocked' },
    { name: 'Done', value: formatNumber(tasks.done), to: 'issues?status=done', note: 'since the beginning' },
    {
      name: 'Agents',
      value: formatNumber(agents.active + agents.running + agents.paused + agents.error),
      to: 'agents',
      note: `${formatNumber(agents.running)} running, ${formatNumber(agents.paused)} paused`,
    },
  ]
}

function careFigures({ dashboard, badges, sources, hasMoreDead }: Overview & { readonly dashboard: Dashboard }): Figure[] {
  const dead = sources.deadHolds.length
  const failed = badges?.failedRuns ?? 0
  return [
    { name: 'Dead holds', value: `${formatNumber(dead)}${hasMoreDead ? '+' : ''}`, to: 'locks?alive=dead', isAlert: dead > 0 },
    {
      name: 'Failed runs',
      value: formatNumber(failed),
      to: 'runs?status=failed',
      isAlert: failed > 0,
      note: 'agents whose last run failed',
    },
    {
      name: 'Stalled issues',
      value: formatNumber(dashboard.stalled),
      to: 'issues?status=todo,in_progress',
      isAlert: dashboard.stalled > 0,
    },
    {
      name: 'Spent this month',
      value: money.format(dashboard.costs.monthSpendCents / 100),
      to: 'costs',
      isAlert: dashboard.costs.monthBudgetCents > 0 && dashboard.costs.monthUtilizationPercent >= 80,
      note: spentNote(dashboard),
    },
  ]
}

/** The numbers of the company. Each leads to the list that it counts. */
export function Figures({ overview }: { readonly overview: Overview }): ReactNode {
  const { dashboard } = overview
  if (dashboard === null) return null
  return (
    <section className="column figures" aria-labelledby="figures">
      <h2 id="figures">Figures</h2>
      <dl>
        {[...careFigures({ ...overview, dashboard }), ...workFigures(dashboard)].map((figure) => (
          <FigureRow key={figure.name} figure={figure} />
        ))}
      </dl>
    </section>
  )
}

function FigureRow({ figure }: { readonly figure: Figure }): ReactNode {
  const pathOf = useCompanyPath()
  const { name, value, to, isAlert = false, note } = figure
  return (
    <div className={isAlert ? 'alert' : undefined}>
      <dt>
        <Link to={pathOf(to)}>{name}</Link>
        {note !== undefined && <span className="soft"> {note}</span>}
      </dt>
      <dd>
        {isAlert && <span aria-hidden="true">▲ </span>}
        {value}
      </dd>
    </div>
  )
}
