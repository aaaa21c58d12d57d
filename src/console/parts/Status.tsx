import type { ReactNode } from 'react'

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'quiet'

/** A sign for each tone, so that the colour is never the only one. */
const signs: Readonly<Record<Tone, string>> = { good: '✓', busy: '●', warn: '▲', bad: '✕', quiet: '○' }

/** The tones of the statuses of every noun. */
const tones: Readonly<Record<string, Tone>> = {
  active: 'good',
  approved: 'good',
  done: 'good',
  succeeded: 'good',
  live: 'good',
  idle: 'good',
  running: 'busy',
  in_progress: 'busy',
  in_review: 'busy',
  queued: 'busy',
  pending: 'warn',
  pending_approval: 'warn',
  revision_requested: 'warn',
  blocked: 'warn',
  paused: 'warn',
  stalled: 'warn',
  failed: 'bad',
  error: 'bad',
  timed_out: 'bad',
  rejected: 'bad',
  terminated: 'bad',
  dead: 'bad',
}

export const wordsOf = (status: string): string => status.replaceAll('_', ' ')

/** A status as a sign and a word. @param tone unless it follows from the status */
export function Status({ of, tone, words }: { readonly of: string; readonly tone?: Tone; readonly words?: string }): ReactNode {
  const shown = tone ?? tones[of] ?? 'quiet'
  return (
    <span className={`status ${shown}`}>
      <span aria-hidden="true">{signs[shown]}</span> {words ?? wordsOf(of)}
    </span>
  )
}
