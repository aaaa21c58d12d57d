// The lists of the page of costs: one for each way to add up what was spent.

export interface CostList {
  /** In the query of the address; that of the first is empty. */
  readonly value: string
  readonly label: string
  /** The last part of its address at the server. */
  readonly endpoint: string
}

export const costLists = [
  { value: '', label: 'By agent', endpoint: 'by-agent' },
  { value: 'model', label: 'By model', endpoint: 'by-agent-model' },
  { value: 'provider', label: 'By provider', endpoint: 'by-provider' },
  { value: 'biller', label: 'By biller', endpoint: 'by-biller' },
  { value: 'project', label: 'By project', endpoint: 'by-project' },
] as const satisfies readonly CostList[]

/** The tab of money that no run spent. */
export const FINANCE = { value: 'finance', label: 'Invoices and credits', endpoint: 'finance-events' } as const satisfies CostList
