// The spending of the agents of the filled company, and the limits that hold for them: one within its limit, one that warns, one that stops.

import type { Requests } from './requests.ts'
import type { Agent } from './work.ts'

interface Spent {
  readonly agent: Agent
  readonly costCents: number
  readonly projectId?: string
  readonly model?: string
  readonly billingType?: string
}

/** Reports costs and sets limits. @param projects the one that is at work, and one that has spent its budget */
export async function createMoney(
  board: Requests,
  companyId: string,
  {
    agents,
    projects,
  }: { readonly agents: Readonly<Record<'ada' | 'grace' | 'linus', Agent>>; readonly projects: readonly [string, string] },
): Promise<void> {
  const below = `/companies/${companyId}`
  const [busy, over] = projects
  const { ada, grace, linus } = agents
  const spent: readonly Spent[] = [
    { agent: grace, costCents: 43_120, projectId: busy },
    { agent: grace, costCents: 1230, projectId: busy, model: 'claude-haiku' },
    { agent: ada, costCents: 9950 },
    { agent: linus, costCents: 0, model: 'gpt-codex', billingType: 'subscription_included' },
    { agent: linus, costCents: 640, projectId: over },
  ]
  for (const { agent, model = 'claude-sonnet', billingType = 'metered_api', ...fields } of spent) {
    const provider = model.startsWith('gpt') ? 'openai' : 'anthropic'
    const usage = { inputTokens: 184_000, cachedInputTokens: 92_000, outputTokens: 21_300 }
    const occurredAt = new Date().toISOString()
    await board.post(`${below}/cost-events`, { agentId: agent.id, provider, model, billingType, occurredAt, ...usage, ...fields })
  }
  await board.post(`${below}/budgets/policies`, { scopeType: 'project', scopeId: over, windowKind: 'lifetime', amount: 500 })
  await board.post(`${below}/budgets/policies`, { scopeType: 'agent', scopeId: ada.id, amount: 20_000, hardStopEnabled: false })
  await board.post(`${below}/finance-events`, {
    eventKind: 'platform_fee',
    biller: 'Anthropic',
    amountCents: 20_000,
    occurredAt: new Date().toISOString(),
    description: 'Subscription of November',
    externalInvoiceId: 'INV-2026-11',
  })
}
