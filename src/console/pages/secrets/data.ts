// The reads and acts about secrets. No read has a value, and no act keeps one.

import type { UseMutationResult, UseQueryResult } from '@tanstack/react-query'
import { useAct, useUncachedAct } from '../../api/acts.ts'
import { request, segment } from '../../api/client.ts'
import type { Answer, ApiProblem } from '../../api/client.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type { Secret, SecretProvider, SecretUsage } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'

/** A reference that was made elsewhere is no event of the secret, so its users are read again as long as they are in sight. */
const USAGE_EVERY_MS = 30_000

/** The secrets of the company by name, without their values. */
export function useSecrets(): PagesRead<Secret> {
  const { id } = useCompany()
  return usePages<Secret>(['secrets', id], `/companies/${id}/secrets`)
}

/** The places of a secret's values that are set up on this server. */
export function useProviders(): readonly SecretProvider[] {
  const { id } = useCompany()
  return useRead<SecretProvider[]>(['secretProviders', id], `/companies/${id}/secret-providers`).data?.data ?? []
}

/** Where a secret is used, and when it was last given to a run. */
export function useUsage(secretId: string): UseQueryResult<Answer<SecretUsage>, ApiProblem> {
  const { id } = useCompany()
  return useRead<SecretUsage>(['secretUsage', id, secretId], `/secrets/${segment(secretId)}/usage`, { everyMs: USAGE_EVERY_MS })
}

const NOUNS = ['secrets', 'secretUsage']

/** The content of a version: a value for this server, or the name of one at an external provider. */
export type SecretContent = { readonly value: string } | { readonly externalRef: string }

export type NewSecretBody = SecretContent & {
  readonly name: string
  readonly provider: string
  readonly description: string | null
}

export function useCreateSecret(): (body: NewSecretBody) => Promise<Secret> {
  const { id } = useCompany()
  return useUncachedAct(NOUNS, async (body: NewSecretBody) => (await request<Secret>('POST', `/companies/${id}/secrets`, { body })).data)
}

export const useRotateSecret = (secretId: string): ((body: SecretContent) => Promise<Secret>) =>
  useUncachedAct(
    NOUNS,
    async (body: SecretContent) => (await request<Secret>('POST', `/secrets/${segment(secretId)}/rotate`, { body })).data,
  )

export interface SecretFields {
  readonly name: string
  readonly description: string | null
}

export const useChangeSecret = (secretId: string): UseMutationResult<Secret, ApiProblem, Partial<SecretFields>> =>
  useAct(NOUNS, async (body: Partial<SecretFields>) => (await request<Secret>('PATCH', `/secrets/${segment(secretId)}`, { body })).data)

export const useDeleteSecret = (secretId: string): UseMutationResult<unknown, ApiProblem, void> =>
  useAct(NOUNS, () => request('DELETE', `/secrets/${segment(secretId)}`))
