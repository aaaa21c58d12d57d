// The pages of a company, by their addresses below it. Each is loaded when it is first shown.

import { lazy } from 'react'
import type { ComponentType, LazyExoticComponent } from 'react'
import { patiently } from './router/patiently.ts'

export interface PageProps {
  readonly params: Readonly<Record<string, string>>
}

export interface PageRoute {
  /** Below `/:company`. */
  readonly pattern: string
  readonly Component: LazyExoticComponent<ComponentType<PageProps>>
}

const page = (pattern: string, load: () => Promise<{ default: ComponentType<PageProps> }>): PageRoute => ({
  pattern,
  Component: lazy(() => patiently(load)),
})

export const pages: readonly PageRoute[] = [
  page('overview', () => import('./pages/overview/OverviewPage.tsx')),
  page('issues', () => import('./pages/issues/IssuesPage.tsx')),
  page('issues/:issue', () => import('./pages/issue/IssuePage.tsx')),
  page('locks', () => import('./pages/locks/LocksPage.tsx')),
  page('runs', () => import('./pages/runs/RunsPage.tsx')),
  page('runs/:run', () => import('./pages/run/RunPage.tsx')),
  page('agents', () => import('./pages/agents/AgentsPage.tsx')),
  page('agents/:agent', () => import('./pages/agent/AgentPage.tsx')),
  page('approvals', () => import('./pages/approvals/ApprovalsPage.tsx')),
  page('approvals/:approval', () => import('./pages/approvals/ApprovalPage.tsx')),
  page('activity', () => import('./pages/activity/ActivityPage.tsx')),
  page('costs', () => import('./pages/costs/CostsPage.tsx')),
  page('budgets', () => import('./pages/budgets/BudgetsPage.tsx')),
  page('projects', () => import('./pages/projects/ProjectsPage.tsx')),
  page('projects/:project', () => import('./pages/projects/ProjectPage.tsx')),
  page('routines', () => import('./pages/routines/RoutinesPage.tsx')),
  page('routines/:routine', () => import('./pages/routines/RoutinePage.tsx')),
  page('secrets', () => import('./pages/secrets/SecretsPage.tsx')),
  page('skills', () => import('./pages/skills/SkillsPage.tsx')),
  page('skills/:skill', () => import('./pages/skills/SkillPage.tsx')),
  page('webhooks', () => import('./pages/webhooks/WebhooksPage.tsx')),
  page('webhooks/:webhook', () => import('./pages/webhooks/WebhookPage.tsx')),
  page('settings', () => import('./pages/settings/SettingsPage.tsx')),
]
