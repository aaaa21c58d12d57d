import type { z } from 'zod'
import type { codebaseView } from './views.ts'

interface Workspace {
  readonly id: string
  readonly cwd: string | null
  readonly repoUrl: string | null
  readonly repoRef: string | null
  readonly defaultRef: string | null
}

const lastPathSegment = (path: string): string | null =>
  path
    .split(/[\\/:]/)
    .findLast((part) => part !== '' && part !== '.' && part !== '..')
    ?.replace(/\.git$/i, '') ?? null

/** The name of a repository: the end of its URL. */
const repoNameOf = (repoUrl: string): string | null => lastPathSegment(new URL(repoUrl).pathname)

/** The default name of a workspace: the last segment of its folder or of its repository. */
export const workspaceNameOf = (workspace: { cwd?: string | null | undefined; repoUrl?: string | null | undefined }): string =>
  (
    (workspace.cwd ? lastPathSegment(workspace.cwd) : null) ??
    (workspace.repoUrl ? repoNameOf(workspace.repoUrl) : null) ??
    'Workspace'
  ).slice(0, 200)

/**
 * The place of a project's code, as clients show it. The managed folder is relative to the server's home, because no
 * client needs the absolute path of that home.
 */
export function codebaseOf(project: { id: string; companyId: string }, primary: Workspace | null): z.output<typeof codebaseView> {
  const repoName = primary?.repoUrl ? repoNameOf(primary.repoUrl) : null
  const folder = (repoName ?? '').replaceAll(/[^\w.-]+/g, '-').replace(/^\.+/, '') || '_default'
  const managedFolder = `projects/${project.companyId}/${project.id}/${folder}`
  const localFolder = primary?.cwd ?? null
  return {
    workspaceId: primary?.id ?? null,
    repoUrl: primary?.repoUrl ?? null,
    repoRef: primary?.repoRef ?? null,
    defaultRef: primary?.defaultRef ?? null,
    repoName,
    localFolder,
    managedFolder,
    effectiveLocalFolder: localFolder ?? managedFolder,
    origin: localFolder === null ? 'managed_checkout' : 'local_folder',
  }
}
