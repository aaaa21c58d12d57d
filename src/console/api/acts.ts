import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { QueryClient, UseMutationResult } from '@tanstack/react-query'
import { inBackground } from './background.ts'
import type { ApiProblem } from './client.ts'

function readAgain(queries: QueryClient, nouns: readonly string[]): void {
  inBackground(queries.invalidateQueries({ predicate: ({ queryKey }) => nouns.includes(String(queryKey[0])) }))
}

/**
 * An act that changes something on the server. When it is done, successfully or not, the reads of the nouns are read again, so that the
 * page shows what the server has, and not what the page hoped for.
 * @param nouns the first parts of the keys of the reads that it may change
 */
export function useAct<Input, Output>(
  nouns: readonly string[],
  act: (input: Input) => Promise<Output>,
): UseMutationResult<Output, ApiProblem, Input> {
  const queries = useQueryClient()
  return useMutation<Output, ApiProblem, Input>({
    mutationFn: act,
    onSettled: () => readAgain(queries, nouns),
  })
}

/**
 * As `useAct`, for an act that sends or receives a secret value: the cache of mutations would keep both for minutes. Nothing of this one is
 * kept, and the caller shows the refusal.
 */
export function useUncachedAct<Input, Output>(
  nouns: readonly string[],
  act: (input: Input) => Promise<Output>,
): (input: Input) => Promise<Output> {
  const queries = useQueryClient()
  return async (input) => {
    try {
      return await act(input)
    } finally {
      readAgain(queries, nouns)
    }
  }
}
