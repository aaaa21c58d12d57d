import { z } from 'zod'
import { ofSelf } from '../../auth/scopes.ts'
import { listOf } from '../../http/query.ts'
import { get } from '../../http/route.ts'
import { issueStatus } from '../../model/issueStatus.ts'
import { companyOf } from '../../platform/db/context.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { listAgentInbox } from './queries.ts'
import { listIssues } from './list.ts'
import { inboxItem, issueListItem } from './views.ts'

const notCancelled = issueStatus.statuses.filter((status) => status !== 'cancelled')

/** The inboxes that an agent reads: its own, and the inbox of a person that it works for. */
export const inboxRoutes = [
  get('/api/agents/me/inbox-lite', {
    summary: "List the acting agent's own open issues",
    permission: 'agent.me',
    scope: ofSelf,
    returns: z.array(inboxItem),
    refuses: [],
    handle: ({ ctx, target }) => listAgentInbox(ctx.store.read, companyOf(ctx), target),
  }),
  get('/api/agents/me/inbox/mine', {
    summary: "List the issues in a person's inbox, for an agent that works for that person",
    permission: 'agent.me',
    scope: ofSelf,
    query: z.object({
      userId: z.string().min(1).max(200),
      status: listOf(z.enum(issueStatus.statuses), issueStatus.statuses.length).optional(),
      ...pageQuery,
    }),
    returnsPageOf: issueListItem,
    refuses: [],
    handle: ({ ctx, query: { userId, status, ...page } }) =>
      listIssues(
        ctx.store.read,
        companyOf(ctx),
        { touchedByUserId: userId, inboxArchivedByUserId: userId, status: status ?? notCancelled },
        page,
      ),
  }),
]
