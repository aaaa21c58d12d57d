const sumsOfCosts = ['AgentCost', 'AgentModelCost', 'ModelCost', 'BillerCost', 'ProjectCost', 'WindowSpend']
const finance = ['FinanceEvent', 'ReportFinanceEventRequest']
const costs = [...sumsOfCosts, 'CostEvent', 'QuotaWindows']

/** The same text for a field of several views, where its name means something else in others. */
const inViews = (views: readonly string[], texts: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(views.flatMap((view) => Object.entries(texts).map(([name, text]) => [`${view}.${name}`, text])))

/** Fields of costs and of finance events. */
export const fieldsOfCosts: Readonly<Record<string, string>> = {
  // Sums of costs
  spendCents: 'What was spent in the range, in whole cents; rounded once, at the end',
  budgetCents: 'The budget of a month in cents; 0 for no limit',
  utilizationPercent: 'What was spent, in percent of the budget of a month; 0 without a budget',
  unpricedEventCount: 'Events with tokens and no known price: what they cost is unknown, and missing in the sum',
  costCents: 'The cost in whole cents, rounded once',
  inputTokens: 'Tokens that the model read, without those from its cache',
  cachedInputTokens: 'Tokens that the model read from its cache',
  outputTokens: 'Tokens that the model wrote',
  agentName: 'The name of the agent; null when it was deleted',
  agentStatus: 'The status of the agent; null when it was deleted',
  projectName: 'The name of the project; null for none, and when it was deleted',
  biller: 'Who sends the invoice: the provider, or what stands in front of it',
  billingType: 'How the calls are paid; `subscription_included` for those that a subscription has paid',
  apiRunCount: 'Runs that paid by use. A run counts where its first event was recorded',
  subscriptionRunCount: 'Runs that a subscription paid. A run counts where its first event was recorded',
  subscriptionInputTokens: 'Of the tokens read, those that a subscription paid',
  subscriptionCachedInputTokens: 'Of the tokens read from the cache, those that a subscription paid',
  subscriptionOutputTokens: 'Of the tokens written, those that a subscription paid',
  providerCount: 'The number of providers behind it',
  modelCount: 'The number of models',
  window: 'The window, which ends now',
  windowHours: 'The length of the window in hours',
  windows: 'The windows in which the provider limits a subscription; empty when it was not asked',
  ...inViews(costs, { provider: 'Who runs the model' }),
  ...inViews([...sumsOfCosts, 'CostEvent'], { model: 'The model, by the name of the provider' }),
  'QuotaWindows.ok': 'Whether the provider was asked and has answered',
  'QuotaWindows.error': 'Why there are no windows',

  // Cost events
  costMicrocents: 'The cost in millionths of a cent, exact; negative in a correction',
  isPriced: 'False where tokens were reported and no price is known: the cost is then not 0 but unknown',
  correctsId: 'The event that this one corrects; null for none',
  occurredAt: 'When it happened; it decides the month, in UTC',
  heartbeatRunId: 'The run; null for none',
  ...inViews(['CostEvent', ...finance], {
    goalId: 'The goal; null for none',
    projectId: 'The project; null for none',
    billingCode: 'A code for accounting; null for none',
  }),
  'CostEvent.source': '`reported` by the agent or the board, or made by the server from the usage that a run reported at its end',
  'CostEvent.externalId': 'The name that the reporter gave to the event; null for none',

  // Finance events
  debitCents: 'What was paid, in cents',
  creditCents: 'What came in, in cents',
  netCents: 'What was paid less what came in, in cents',
  estimatedDebitCents: 'Of what was paid, the part that is an estimate, in cents',
  eventCount: 'The number of events in this currency',
  otherCurrencyEventCount: 'Events in other currencies, which are not in the sums',
  kindCount: 'The number of kinds of events',
  billerCount: 'The number of billers',
  eventKind: 'The kind of the event',
  amountCents: 'The amount in hundredths of the currency',
  currency: 'The currency, in three letters',
  estimated: 'Whether the amount is an estimate',
  costEventId: 'The cost event that it is about; null for none',
  executionAdapterType: 'The adapter of the agent; null for none',
  pricingTier: 'The tier of the price; null for none',
  region: 'The region of the provider; null for none',
  quantity: 'How many units the amount is for; null when it is not known',
  unit: 'The unit of the quantity; null for none',
  externalInvoiceId: 'The invoice, by its number at the biller; null for none',
  metadataJson: 'Facts that clients keep with the row; this server does not read them',
  ...inViews(finance, {
    agentId: 'The agent; null for none',
    direction: '`debit` for what was paid, `credit` for what came in',
    description: 'What it is for, for people; null for none',
    provider: 'Who runs the model; null for none',
    model: 'The model; null for none',
  }),
}
