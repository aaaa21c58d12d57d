import { ofAgent } from '../../auth/scopes.ts'
import { get } from '../../http/route.ts'
import { shortnameQuery } from '../agents/index.ts'
import { readBundle, readInstructionsFile } from './queries.ts'
import { instructionsBundleView, instructionsFileQuery, instructionsFileView } from './views.ts'

export const instructionRoutes = [
  get('/api/agents/:id/instructions-bundle', {
    summary: 'Read the instructions of an agent: its files without their texts',
    permission: 'instructions.read',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: instructionsBundleView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => readBundle(ctx, target),
  }),
  get('/api/agents/:id/instructions-bundle/file', {
    summary: 'Read one file of the instructions of an agent',
    permission: 'instructions.read',
    scope: ofAgent(),
    query: instructionsFileQuery,
    returns: instructionsFileView,
    refuses: ['not_found', 'unprocessable'],
    handle: ({ ctx, target, query }) => readInstructionsFile(ctx, target, query.path),
  }),
]
