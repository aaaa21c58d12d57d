// Sentences about costs and budgets.

import { formatAmount, formatCents } from '../../parts/money.ts'
import { because, by, codeIn, count, entity, flagIn, listIn, numberIn, passive, quoted, say, textIn } from './sentenceParts.ts'
import type { Part, SentenceMaker, SentenceRow } from './sentenceParts.ts'

/** Calls of a model cost parts of a cent. */
const smallMoney = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'USD', maximumFractionDigits: 4 })
const MICROCENTS_PER_DOLLAR = 100_000_000

const cost = (row: SentenceRow): string =>
  row.details !== null && 'isPriced' in row.details && !flagIn(row, 'isPriced')
    ? 'tokens without a known price'
    : smallMoney.format(numberIn(row, 'costMicrocents') / MICROCENTS_PER_DOLLAR)

/** The one that a budget limits. */
function scope(row: SentenceRow): Part {
  const [kind, id] = [textIn(row, 'scopeType'), textIn(row, 'scopeId')]
  return id !== null && (kind === 'agent' || kind === 'project') ? { kind, id } : 'The company'
}

const spent = (row: SentenceRow): string =>
  `${formatCents(numberIn(row, 'amountObserved'))} of its ${textIn(row, 'windowKind') === 'lifetime' ? 'lifetime' : 'monthly'} budget of ${formatCents(numberIn(row, 'amountLimit'))}`

/** `scope` inside of a sentence. */
const scopeInside = (row: SentenceRow): Part => {
  const part = scope(row)
  return part === 'The company' ? 'the company' : part
}

/** The currency of a row. Another text than three letters is none. */
const currencyIn = (row: SentenceRow): string => {
  const currency = textIn(row, 'currency') ?? 'USD'
  return /^[A-Z]{3}$/.test(currency) ? currency : 'USD'
}

const money = (row: SentenceRow, name: string): string => formatCents(numberIn(row, name))

function limitSet(row: SentenceRow): readonly Part[] {
  const kind = textIn(row, 'windowKind') === 'lifetime' ? 'lifetime' : 'monthly'
  if (!flagIn(row, 'isActive')) return say`turned the ${kind} budget of ${scopeInside(row)} off`
  const before = numberIn(row, 'previousAmount')
  const change = before === 0 || before === numberIn(row, 'amount') ? '' : ` instead of ${formatCents(before)}`
  const rule = flagIn(row, 'hardStopEnabled') ? 'which stops at its limit' : 'which only warns'
  return say`set the ${kind} budget of ${scopeInside(row)} to ${money(row, 'amount')}${change}, ${rule}`
}

const endings: Readonly<Record<string, string>> = {
  limit_changed: 'because its limit was changed',
  spending_corrected: 'because a correction took what was spent below its limit',
  window_ended: 'because its window is over',
}

function incidentEnded(row: SentenceRow): readonly Part[] {
  const action = textIn(row, 'action')
  if (action === 'keep_paused') return say`keeps ${scopeInside(row)} stopped by its budget${because(row, 'decisionNote')}`
  if (action === 'raise_budget_and_resume')
    return say`raised the budget of ${scopeInside(row)} to ${money(row, 'amount')} and resumed it${because(row, 'decisionNote')}`
  return say`closed an incident of the budget of ${scopeInside(row)} ${endings[action ?? ''] ?? ''}`
}

/** By action. */
export const moneySentences: Readonly<Record<string, SentenceMaker>> = {
  'agent.budget_updated': by(
    (row) =>
      say`set the monthly budget of ${entity(row, 'agent')} to ${money(row, 'budgetMonthlyCents')}; it was ${money(row, 'previousCents')}`,
  ),
  'budget.hard_threshold_crossed': passive((row) => say`${scope(row)} has spent ${spent(row)}, and is stopped`),
  'budget.incident_resolved': by(incidentEnded),
  'budget.policy_upserted': by(limitSet),
  'budget.soft_threshold_crossed': passive((row) => say`${scope(row)} has spent ${spent(row)}; nothing is stopped`),
  'budget.stop_enforced': passive(
    (row) => say`${scope(row)} was stopped by its budget, which ended ${count(listIn(row, 'endedRunIds').length, 'run')}`,
  ),
  'company.budget_updated': by(
    (row) => say`set the monthly budget of the company to ${money(row, 'budgetMonthlyCents')}; it was ${money(row, 'previousCents')}`,
  ),
  'company.paused': by((row) => say`paused the company (${codeIn(row, 'pauseReason')})`),
  'company.resumed': by(() => say`resumed the company`),
  'cost.reported': by((row) => {
    const verb = textIn(row, 'correctsId') === null ? 'reported' : 'corrected a cost by'
    const model = quoted(row, 'model')
    return model.length === 0 ? say`${verb} ${cost(row)}` : say`${verb} ${cost(row)} for ${model}`
  }),
  'finance_event.reported': by((row) => {
    const direction = textIn(row, 'direction') === 'credit' ? 'received' : 'paid'
    const amount = formatAmount(numberIn(row, 'amountCents'), currencyIn(row))
    return say`added ${amount} that was ${direction} (${codeIn(row, 'eventKind')}), billed by ${quoted(row, 'biller')}`
  }),
  'project.paused': by((row) => say`paused the project ${entity(row, 'project')} (${codeIn(row, 'pauseReason')})`),
  'project.resumed': by((row) => say`resumed the project ${entity(row, 'project')}`),
}
