// The statuses of projects and goals, and days, in words.

import type { Goal, Project } from '../../api/types.ts'
import type { Tone } from '../../parts/Status.tsx'

export const projectStatuses: readonly Project['status'][] = ['backlog', 'planned', 'in_progress', 'completed', 'cancelled']

export const projectTones: Readonly<Record<Project['status'], Tone>> = {
  backlog: 'quiet',
  planned: 'quiet',
  in_progress: 'busy',
  completed: 'good',
  cancelled: 'quiet',
}

export const goalLevels: readonly Goal['level'][] = ['company', 'team', 'agent', 'task']
export const goalStatuses: readonly Goal['status'][] = ['planned', 'active', 'achieved', 'cancelled']

export const goalTones: Readonly<Record<Goal['status'], Tone>> = { planned: 'quiet', active: 'busy', achieved: 'good', cancelled: 'quiet' }

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' })

/** The day of a target date, which has no time of day. */
export const dayWords = (date: string): string => day.format(new Date(date))
