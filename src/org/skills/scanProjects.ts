import path from 'node:path'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { decidesForHost } from '../../auth/roles.ts'
import { projects, projectWorkspaces } from '../../model/projects.ts'
import { lockUnarchivedCompany } from '../companies/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { skillsScanned } from './events.ts'
import { allowedFolder, skillsIn } from './folders.ts'
import { listSkillHeads, presentSkill, skillsById } from './queries.ts'
import type { SkillHeadRow } from './queries.ts'
import { MAX_IMPORT_BYTES, MAX_IMPORTED_SKILLS } from './rules.ts'
import { changesIn, storeSkills } from './store.ts'
import type { SourcedDraft } from './store.ts'
import type { ScanProjects, scanProjectsView } from './views.ts'

type Scan = z.input<typeof scanProjectsView>

/** Where projects keep skills, below the folder of their workspace. */
const skillFoldersOfProjects = ['skills', '.claude/skills', '.agents/skills', '.codex/skills'] as const
/** Workspaces of one scan. */
const MAX_WORKSPACES = 100
/** Bytes of the skills of one scan, behind which it looks no further. Agents write into these folders. */
const MAX_SCAN_BYTES = 2 * MAX_IMPORT_BYTES

interface Workspace {
  readonly id: string
  readonly projectId: string
  readonly cwd: string
}

const workspacesWithFolder = statement<
  { companyId: string; projectIds: string[] | null; workspaceIds: string[] | null; limit: number },
  Workspace
>('skill_scan_workspaces').read(sql`
  select w.id, w.project_id as "projectId", w.cwd from ${projectWorkspaces} w join ${projects} p on p.id = w.project_id
  where w.company_id = ${param('companyId', 'uuid')} and p.archived_at is null and w.cwd is not null
    and (${param('projectIds', 'uuid[]')} is null or w.project_id = any(${param('projectIds', 'uuid[]')}))
    and (${param('workspaceIds', 'uuid[]')} is null or w.id = any(${param('workspaceIds', 'uuid[]')}))
  order by w.created_at, w.id limit ${param('limit', 'int')}`)

/** A skill in the folder of a project. */
interface FoundSkill extends SourcedDraft {
  /** False where the company has this text or a skill of the name from elsewhere: its texts are not kept, and it is not stored. */
  readonly isKept: boolean
}

interface Found {
  readonly found: FoundSkill[]
  readonly warnings: string[]
  readonly scanned: Workspace[]
}

/** A found skill without its texts, where these would not be stored. */
function keptIfNew({ draft, folder }: SourcedDraft, before: SkillHeadRow | undefined): FoundSkill {
  const isKept = before === undefined || (before.sourceLocator === folder && before.contentHash !== draft.contentHash)
  return { draft: isKept ? draft : { ...draft, files: {} }, folder, isKept }
}

async function look(
  workspaces: readonly Workspace[],
  allowed: readonly string[],
  present: ReadonlyMap<string, SkillHeadRow>,
): Promise<Found> {
  const state: Found = { found: [], warnings: [], scanned: [] }
  let unseen = 0
  let bytes = 0
  for (const workspace of workspaces) {
    if (bytes > MAX_SCAN_BYTES) {
      state.warnings.push(`The skills have more than ${MAX_SCAN_BYTES} bytes; the rest was not read. Name some projects to scan those`)
      break
    }
    const root = await allowedFolder(workspace.cwd, allowed)
    if (root === null) {
      unseen += 1
      continue
    }
    state.scanned.push(workspace)
    for (const name of skillFoldersOfProjects) {
      // Again with the real path: a link in a project must not lead to another folder.
      const folder = await allowedFolder(path.join(root, name), [root])
      if (folder === null) continue
      const { found, warnings } = await skillsIn(folder)
      state.found.push(...found.map((each) => keptIfNew(each, present.get(each.draft.slug))))
      bytes += found.reduce((sum, { draft }) => sum + draft.byteSize, 0)
      state.warnings.push(...warnings)
    }
  }
  if (unseen > 0)
    state.warnings.unshift(
      `${unseen} workspace(s) have a folder that is missing or not below one of PAPERCLIP_SKILL_FOLDERS; they were not read`,
    )
  return state
}

const headsOf = async (db: Parameters<typeof listSkillHeads>[0], companyId: string): Promise<ReadonlyMap<string, SkillHeadRow>> =>
  new Map((await listSkillHeads(db, companyId)).map((head) => [head.slug, head]))

const nothing = (warnings: readonly string[]): Scan => ({
  scannedProjects: 0,
  scannedWorkspaces: 0,
  discovered: 0,
  imported: [],
  updated: [],
  skipped: [],
  conflicts: [],
  warnings: [...warnings],
})

/**
 * Looks for skills in the folders of projects that lie below a folder which the operator allowed, and imports them. A skill that the company has from
 * elsewhere is a conflict and stays. An agent gets no look at the host, and its answer says so.
 * @param allowed the folders of `PAPERCLIP_SKILL_FOLDERS`
 */
export async function scanProjects(ctx: Ctx, { projectIds, workspaceIds }: ScanProjects, allowed: readonly string[]): Promise<Scan> {
  const companyId = companyOf(ctx)
  const mayLook = decidesForHost(ctx.actor)
  const workspaces =
    mayLook && allowed.length > 0
      ? await ctx.store.read.run(workspacesWithFolder, {
          companyId,
          projectIds: projectIds ?? null,
          workspaceIds: workspaceIds ?? null,
          limit: MAX_WORKSPACES,
        })
      : []
  const found = await look(workspaces, allowed, await headsOf(ctx.store.read, companyId))
  if (!mayLook) found.warnings.unshift('Only the board looks into folders of this host: nothing was scanned')
  else if (allowed.length === 0) found.warnings.unshift('The operator allows no folder (PAPERCLIP_SKILL_FOLDERS): nothing was scanned')
  return await mutate<Scan>(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const present = await headsOf(tx, companyId)
    const scan = nothing(found.warnings)
    const taken = new Map<string, SourcedDraft>()
    let bytes = 0
    for (const each of found.found) {
      const { slug } = each.draft
      const before = present.get(slug)
      const at = { slug, folder: each.folder ?? '' }
      if (taken.has(slug)) scan.skipped.push({ ...at, reason: 'another folder of the scan has a skill of this name' })
      else if (before !== undefined && before.sourceLocator !== each.folder)
        scan.conflicts.push({ ...at, reason: 'the company has a skill of this name from elsewhere' })
      else if (before?.contentHash === each.draft.contentHash) scan.skipped.push({ ...at, reason: null })
      else if (!each.isKept) scan.skipped.push({ ...at, reason: 'the skill of the company changed meanwhile: scan again' })
      else if (taken.size >= MAX_IMPORTED_SKILLS || bytes + each.draft.byteSize > MAX_IMPORT_BYTES)
        scan.skipped.push({ ...at, reason: `more than ${MAX_IMPORTED_SKILLS} skills or ${MAX_IMPORT_BYTES} bytes at once: scan again` })
      else {
        taken.set(slug, each)
        bytes += each.draft.byteSize
      }
    }
    const stored = changesIn(await storeSkills(tx, ctx, [...taken.values()]))
    const rows = await skillsById(
      tx,
      companyId,
      stored.map(({ skillId }) => skillId),
    )
    for (const row of rows) scan[present.has(row.slug) ? 'updated' : 'imported'].push(presentSkill(ctx, row))
    const counts = { scannedWorkspaces: found.scanned.length, discovered: found.found.length }
    const answer = { ...scan, ...counts, scannedProjects: new Set(found.scanned.map(({ projectId }) => projectId)).size }
    return changed(answer, skillsScanned(companyId, { ...counts, skills: stored, warnings: found.warnings.length }))
  })
}
