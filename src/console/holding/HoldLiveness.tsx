import type { ReactNode } from 'react'
import type { Hold } from '../api/types.ts'
import { Status } from '../parts/Status.tsx'
import { useNow } from '../parts/Time.tsx'
import { livenessOf } from './liveness.ts'

/** Whether the holder lives, in a word and a sign. It changes by itself when the lease runs out. */
export function HoldLiveness({ hold }: { readonly hold: Hold }): ReactNode {
  const { state, tone, words } = livenessOf(hold, useNow())
  return <Status of={state} tone={tone} words={words} />
}
