import type { ReactNode } from 'react'
import type { Agent } from '../api/types.ts'
import { Status } from '../parts/Status.tsx'
import { stateOf } from './agentState.ts'

/** The state of an agent as a sign and a word. */
export function AgentStatus({ agent }: { readonly agent: Agent }): ReactNode {
  const { of, words, tone } = stateOf(agent)
  return <Status of={of} words={words} {...(tone === undefined ? {} : { tone })} />
}
