import type { BoardAccess } from '../../auth/boardAccess.ts'
import { onInstance } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { createBoardLink } from './boardLinks.ts'
import { readMe } from './me.ts'
import { boardLinkView, meView, whoamiView } from './views.ts'
import { whoami } from './whoami.ts'

/** Routes about who the caller is, and how a browser becomes the board. */
export const callerRoutes = (board: BoardAccess): Route[] => [
  get('/api/whoami', {
    summary: 'Read who the caller is, and why',
    permission: 'whoami.read',
    scope: onInstance,
    returns: whoamiView,
    refuses: [],
    handle: async ({ ctx }) => whoami(ctx.actor, board),
  }),
  post('/api/board/links', {
    summary: 'Make a one-time link that lets a browser in as the board',
    permission: 'board.link',
    scope: onInstance,
    status: 201,
    returns: boardLinkView,
    refuses: [],
    handle: ({ ctx }) => createBoardLink(ctx, board),
  }),
  get('/api/cli-auth/me', {
    summary: 'Read the identity of the caller',
    permission: 'board.me',
    scope: onInstance,
    returns: meView,
    refuses: [],
    handle: ({ ctx }) => readMe(ctx),
  }),
]
