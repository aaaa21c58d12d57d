// The company of an issue that was read just now: a person and the board name an issue, and their credential names no single company.

import { createBoundedCache } from '../platform/kernel/boundedCache.ts'
import type { CommitListener } from '../platform/db/types.ts'

/** The deletion of a company by another server takes effect within this time, as the end of a credential does (I16). */
const COMPANY_TTL_MS = 1000
/** Bounds memory. */
const MAX_ISSUES = 20_000
const MAX_COMPANIES = 1000

/** An issue with its company. */
interface Found {
  readonly companyId: string
  readonly id: string
}

/** The companies of issues. An issue never changes its company, so only the end of one of the two is to be noticed. */
export interface IssueCompanies {
  /** The company of an issue that was read before, while its company is known to be there. The issue may be gone: the verb finds out. */
  find(issueId: string): string | undefined
  /** Reads an issue among the companies of a caller and keeps its company, unless one of the two was deleted meanwhile. */
  load<F extends Found>(read: () => Promise<F>): Promise<F>
  /** Forgets what a commit of this process has deleted, before the answer to the commit is sent. */
  readonly onCommit: CommitListener
}

const deletions: ReadonlySet<string> = new Set(['issue.deleted', 'company.deletion_begun', 'company.deleted'])

/** The companies of the issues that this server has read for people and for the board. */
export function createIssueCompanies(): IssueCompanies {
  const companyOfIssue = createBoundedCache<string, string>(MAX_ISSUES)
  const knownUntilMs = createBoundedCache<string, number>(MAX_COMPANIES)
  let deleted = 0
  return {
    find(issueId) {
      const companyId = companyOfIssue.get(issueId)
      return companyId !== undefined && (knownUntilMs.get(companyId) ?? 0) > performance.now() ? companyId : undefined
    },
    async load(read) {
      const [deletedBefore, askedAtMs] = [deleted, performance.now()]
      const found = await read()
      if (deletedBefore === deleted) {
        companyOfIssue.set(found.id, found.companyId)
        knownUntilMs.set(found.companyId, askedAtMs + COMPANY_TTL_MS)
      }
      return found
    },
    onCommit(rows) {
      for (const { action, entityId } of rows) {
        if (!deletions.has(action)) continue
        deleted += 1
        if (action === 'issue.deleted') companyOfIssue.delete(entityId)
        else knownUntilMs.clear()
      }
    },
  }
}
