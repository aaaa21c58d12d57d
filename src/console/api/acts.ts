import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { UseMutationResult } from '@tanstack/react-query'
import { inBackground } from './background.ts'
import type { ApiProblem } from './client.ts'

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
    onSettled: () => {
      inBackground(queries.invalidateQueries({ predicate: ({ queryKey }) => nouns.includes(String(queryKey[0])) }))
    },
  })
}
