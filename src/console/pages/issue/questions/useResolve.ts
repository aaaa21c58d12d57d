import { useAct } from '../../../api/acts.ts'
import { inBackground } from '../../../api/background.ts'
import type { Answer, ApiProblem } from '../../../api/client.ts'
import type { Interaction } from '../../../api/types.ts'
import { notify } from '../../../parts/notices.tsx'
import { CHANGED, resolveInteraction } from '../data.ts'
import type { InteractionAct } from '../data.ts'

export interface Resolve {
  readonly resolve: (act: InteractionAct, body: object, words: string) => void
  readonly isBusy: boolean
  readonly problem: ApiProblem | null
}

/** Answers a question. */
export function useResolve(interaction: Interaction): Resolve {
  const act = useAct<{ readonly act: InteractionAct; readonly body: object }, Answer<Interaction>>([...CHANGED], (input) =>
    resolveInteraction(interaction, input.act, input.body),
  )
  return {
    resolve: (name, body, words) => inBackground(act.mutateAsync({ act: name, body }).then(() => notify(words))),
    isBusy: act.isPending,
    problem: act.error,
  }
}
