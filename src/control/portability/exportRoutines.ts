import { omitEmpty, redactField, slugLookup, stripSecrets } from './exportState.ts'
import type { ExportState } from './exportState.ts'
import { renderFrontMatter } from './frontMatter.ts'
import { issuePath } from './package.ts'

/**
 * Writes routines as tasks that come back: `recurring: true` in the head, and what other programs may not know in the extension. The secret and the address
 * of a webhook stay here: an import makes new ones.
 */
export async function writeRoutines({ files, extension, contents, turns }: ExportState): Promise<void> {
  const [agentSlug, projectSlug] = [slugLookup(contents.agents), slugLookup(contents.projects)]
  const [issueSlug, goalSlug] = [slugLookup(contents.issues), slugLookup(contents.goals)]
  const { warnings } = contents
  for (const [slug, routine] of contents.routines) {
    await turns.yieldIfDue()
    const path = issuePath(slug)
    const { status, priority, concurrencyPolicy, catchUpPolicy } = routine
    files[path] = renderFrontMatter(
      {
        title: redactField(path, routine.title, warnings),
        recurring: true,
        priority,
        project: projectSlug(routine.projectId),
        assignee: agentSlug(routine.assigneeAgentId),
        parent: issueSlug(routine.parentIssueId),
      },
      redactField(path, routine.description, warnings),
    )
    const { variables } = stripSecrets(path, { variables: routine.variables }, warnings)
    const triggers = routine.triggers.map(({ label, ...trigger }) => omitEmpty({ ...trigger, label: redactField(path, label, warnings) }))
    if (triggers.some(({ kind }) => kind === 'webhook'))
      warnings.push(`${path}: the secrets and addresses of its webhooks are not exported; an import makes new ones`)
    ;(extension['routines'] ??= {})[slug] = omitEmpty({
      status,
      concurrencyPolicy,
      catchUpPolicy,
      goal: goalSlug(routine.goalId),
      variables,
      triggers,
    })
  }
}
