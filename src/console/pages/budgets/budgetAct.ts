import type { BudgetPolicy } from '../../api/types.ts'

/** An act of the page of budgets, which opens its dialog. */
export type BudgetAct = { readonly kind: 'set' } | { readonly kind: 'change' | 'off'; readonly policy: BudgetPolicy }
