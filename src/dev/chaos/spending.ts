import type { SeededRandom } from '../testing/seededRandom.ts'
import type { Operation } from './client.ts'
import { isAccepted } from './client.ts'
import type { Run } from './generator.ts'
import type { LoadContext } from './loadContext.ts'
import { BASE_CENTS } from './setup.ts'

/** Share of the steps of a run in which it reports what it spent. */
const SPENDING_RATE = 0.8
/** Share of the events that name themselves by an externalId, and of those that are sent a second time. */
const NAMED_RATE = 0.5
const REPEAT_RATE = 0.3
/** The cost of an event, in millionths of a cent: not whole cents, so that a sum of rounded amounts shows. */
const COST_MICROCENTS = { min: 1_333_333, max: 24_000_001 }
const TREASURER_THINK_MS = { min: 500, max: 1500 }

let eventCount = 0

/** An event of spending. Its billing code is a name by which the checks find it again, however often it was sent. */
function costOperation({ setup }: LoadContext, { agentId, token }: Run, random: SeededRandom): Operation {
  const name = `spent-${(eventCount += 1)}`
  const isNamed = random.next() < NAMED_RATE
  return {
    name: 'cost',
    method: 'POST',
    path: `/api/companies/${setup.companyId}/cost-events`,
    token,
    // The repeat of an event without an externalId is known by its key only.
    ...(isNamed ? {} : { idempotencyKey: name }),
    body: {
      agentId,
      provider: random.pick(['anthropic', 'openai']),
      model: random.pick(['large', 'small']),
      billingType: random.pick(['metered_api', 'subscription_overage', 'subscription_included']),
      costMicrocents: COST_MICROCENTS.min + Math.floor(random.next() * (COST_MICROCENTS.max - COST_MICROCENTS.min)),
      inputTokens: Math.floor(random.next() * 1000),
      outputTokens: Math.floor(random.next() * 100),
      occurredAt: new Date().toISOString(),
      billingCode: name,
      ...(isNamed ? { externalId: name } : {}),
    },
  }
}

/** Reports in most steps of a run what it spent, and some events twice: at once, or one after the other. */
export async function spend(context: LoadContext, run: Run, random: SeededRandom): Promise<void> {
  if (random.next() >= SPENDING_RATE) return
  const operation = costOperation(context, run, random)
  const isRepeated = random.next() < REPEAT_RATE
  const isAtOnce = random.next() < 0.5
  const sending = context.send(operation)
  if (!isAtOnce) await sending
  if (isRepeated) await context.send(operation)
  await sending
}

const isShort = (policy: { amount: number; observedAmount: number; reserveCents: number }): boolean =>
  policy.amount - policy.observedAmount < policy.reserveCents

/**
 * The board member that looks after the limits: raises most of those that are crossed, keeps some stopped for a while, and raises some of which too
 * little is left for another run.
 */
export async function runTreasurer({ send, setup, signal, think }: LoadContext, random: SeededRandom): Promise<void> {
  const company = `/api/companies/${setup.companyId}`
  const kept: { id: string; policyId: string }[] = []
  while (!signal.aborted) {
    await think(TREASURER_THINK_MS.min + random.next() * (TREASURER_THINK_MS.max - TREASURER_THINK_MS.min))
    const overview = await send({ name: 'overview', method: 'GET', path: `${company}/budgets/overview` })
    if (!isAccepted(overview)) continue
    const { activeIncidents, policies } = overview.body
    const resumed = random.next() < 0.3 ? kept.splice(0, 1) : []
    for (const { id, policyId, scopeType, thresholdType } of [...activeIncidents, ...resumed]) {
      if (thresholdType === 'soft') continue
      const policy = policies.find((each: { policyId: string }) => each.policyId === policyId)
      const isKept = scopeType === 'agent' && random.next() < 0.2
      if (isKept) kept.push({ id, policyId })
      const amount = policy.observedAmount + BASE_CENTS[policy.scopeType as keyof typeof BASE_CENTS]
      const body = isKept ? { action: 'keep_paused' } : { action: 'raise_budget_and_resume', amount }
      await send({ name: 'resolve', method: 'POST', path: `${company}/budget-incidents/${id}/resolve`, body })
    }
    for (const policy of policies)
      if (policy.status !== 'hard_stop' && isShort(policy) && random.next() < 0.3)
        await send(raiseLimit(company, policy, policy.observedAmount + BASE_CENTS[policy.scopeType as keyof typeof BASE_CENTS]))
  }
}

/** @param company the path of the company */
export const raiseLimit = (
  company: string,
  { scopeType, scopeId, reserveCents }: { scopeType: string; scopeId: string; reserveCents: number },
  amount: number,
): Operation => ({
  name: 'limit',
  method: 'POST',
  path: `${company}/budgets/policies`,
  body: { scopeType, scopeId, reserveCents, amount },
})
