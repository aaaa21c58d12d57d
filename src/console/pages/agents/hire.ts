// The text that is typed to hire an agent, and the request that it makes.

import type { z } from 'zod'
import type { hiredView } from '../../../control/approvals/views.ts'
import { AGENT_NOUNS } from '../../agentParts/acts.ts'
import { fieldsOf } from '../../agentParts/adapterFields.ts'
import { configOf, faultOf } from '../../agentParts/formValues.ts'
import type { FormValues } from '../../agentParts/formValues.ts'
import { useAct } from '../../api/acts.ts'
import { request } from '../../api/client.ts'
import { centsOf } from '../../parts/money.ts'

export type Hired = z.output<typeof hiredView>

/** The text that a person types about a new agent. */
export interface Hire {
  readonly name: string
  readonly title: string
  readonly role: string
  readonly reportsTo: string
  readonly capabilities: string
  readonly adapterType: string
  readonly budget: string
  readonly mayHire: boolean
  readonly values: FormValues
}

const orNull = (text: string): string | null => (text.trim() === '' ? null : text)

/** The configuration of the adapter that was typed. */
export const configOfHire = ({ adapterType, values }: Hire): Record<string, unknown> => configOf(adapterType, values, {})

/** Whether something was typed that cannot be sent. */
export const isFaulty = ({ budget, adapterType, values }: Hire): boolean =>
  centsOf(budget) === null || fieldsOf(adapterType).some((field) => faultOf(field, values[field.name]) !== null)

const bodyOf = (hire: Hire): Record<string, unknown> => ({
  name: hire.name,
  role: hire.role,
  title: orNull(hire.title),
  reportsTo: orNull(hire.reportsTo),
  capabilities: orNull(hire.capabilities),
  adapterType: hire.adapterType,
  adapterConfig: configOfHire(hire),
  budgetMonthlyCents: centsOf(hire.budget) ?? 0,
  ...(hire.mayHire ? { permissions: { canCreateAgents: true } } : {}),
})

/** Hires an agent, or asks for its hire where the company decides on each. */
export const useHire = (companyId: string) =>
  useAct<Hire, Hired>(
    AGENT_NOUNS,
    async (hire) => (await request<Hired>('POST', `/companies/${companyId}/agent-hires`, { body: bodyOf(hire) })).data,
  )
