import type { ReactNode } from 'react'
import type { ApiProblem } from '../api/client.ts'

/** The next step after a refusal, where the code alone says it. */
const nextSteps: Readonly<Record<string, string>> = {
  unreachable: 'The page tries again by itself; an act has to be repeated.',
  precondition_failed: 'It was changed meanwhile. Look at the new state, and make your change again.',
  holder_changed: 'The holder has changed since the preview. Look at the new holder, and confirm again.',
  approval_changed: 'It was changed meanwhile. Read it again before you decide.',
  role_missing: 'Ask an owner of the company for a role that may do this.',
  board_required: 'Sign in as a person who may do this.',
  assignee_needed: 'Give it to an agent or to a person first.',
  issue_blocked: 'Finish its blockers first, or take them away from it.',
  rate_limited: 'Wait a moment, and try again.',
}

interface Issue {
  readonly path?: readonly (string | number)[]
  readonly message?: string
}

const findingsOf = (details: unknown): string[] =>
  Array.isArray(details) ? (details as Issue[]).map(({ path = [], message = '' }) => `${path.join('.')}: ${message}`).slice(0, 5) : []

/** A refusal in the server's words, with what to do next. */
export function Problem({ problem, retry }: { readonly problem: ApiProblem; readonly retry?: () => void }): ReactNode {
  const findings = findingsOf(problem.details)
  const next = nextSteps[problem.code]
  return (
    <div role="alert" className="problem">
      <p>
        <strong>{problem.message}.</strong> {next}
      </p>
      {findings.length > 0 && (
        <ul>
          {findings.map((finding) => (
            <li key={finding}>{finding}</li>
          ))}
        </ul>
      )}
      <p className="soft">
        {problem.code}
        {problem.requestId !== null && ` · request ${problem.requestId}`}
      </p>
      {retry !== undefined && (
        <button type="button" className="secondary" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}
