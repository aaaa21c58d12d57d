// The completion of `@` in a text. Pure: the field and the list are elsewhere.

import type { Agent } from '../../../api/types.ts'

export type Mentionable = Pick<Agent, 'id' | 'name' | 'urlKey'>

/** The letters after a sign before the caret, with the place of the sign; null where none is being typed. */
export interface Asked {
  readonly at: number
  readonly letters: string
}

export function askedAt(text: string, caret: number): Asked | null {
  const [, letters] = /(?:^|[\s([{*_>])@([\p{L}\p{N}_-]{0,30})$/u.exec(text.slice(Math.max(0, caret - 64), caret)) ?? []
  return letters === undefined ? null : { at: caret - letters.length - 1, letters }
}

const MAX_SHOWN = 6

/** The agents whose name begins with the letters, before those in whose name they are. */
export function fitting<T extends Mentionable>(agents: readonly T[], letters: string): readonly T[] {
  const wanted = letters.toLowerCase()
  const names = (agent: T): string[] => [agent.name.toLowerCase(), agent.urlKey.toLowerCase()]
  const begins = agents.filter((agent) => names(agent).some((name) => name.startsWith(wanted)))
  const has = agents.filter((agent) => !begins.includes(agent) && names(agent).some((name) => name.includes(wanted)))
  return [...begins, ...has].slice(0, MAX_SHOWN)
}

/** How an agent is mentioned: by its name where that is one word and no other agent's, else by a link with its id. */
export function mentionOf(agent: Mentionable, agents: readonly Mentionable[]): string {
  const isOne = agents.filter(({ name }) => name.toLowerCase() === agent.name.toLowerCase()).length === 1
  return isOne && /^[\p{L}\p{N}_]+$/u.test(agent.name)
    ? `@${agent.name}`
    : `[@${agent.name.replaceAll(/[[\]\\]/g, ' ')}](agent://${agent.id})`
}

/** The text with a mention in the place of the letters, and where the caret stands then. */
export function completed(text: string, { at, letters }: Asked, mention: string): { readonly text: string; readonly caret: number } {
  const rest = text.slice(at + 1 + letters.length)
  const put = rest.startsWith(' ') ? mention : `${mention} `
  return { text: text.slice(0, at) + put + rest, caret: at + put.length + (rest.startsWith(' ') ? 1 : 0) }
}
