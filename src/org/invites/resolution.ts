import type { z } from 'zod'
import { addressPolicy, requestOnce, resolveBySystem } from '../../adapters/index.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { countAttempt } from '../people/index.ts'
import { openInvite } from './invites.ts'
import { resolutionPathOf } from './onboarding.ts'
import type { resolutionQuery, resolutionView } from './views.ts'

/** Only public addresses: the receiver of an invitation learns nothing of the networks that this server stands in. */
const publicOnly = addressPolicy([])

/** How often the receiver of an invitation may ask. */
const MAX_TESTS = 20
const WINDOW_SECONDS = 600

/**
 * Tries whether this server reaches an address of the receiver of an invitation. Redirects are not followed, and nothing of the answer but its
 * status is shown.
 * @throws Refusal `not_found`, `too_many_attempts`
 */
export async function testResolution(
  ctx: Ctx,
  token: string,
  { url, timeoutMs }: z.output<typeof resolutionQuery>,
): Promise<z.output<typeof resolutionView>> {
  const { id: inviteId } = await openInvite(ctx.store.read, token)
  await countAttempt(ctx.store, [{ key: `test-resolution:${inviteId}`, max: MAX_TESTS, seconds: WINDOW_SECONDS }])
  const startedAt = performance.now()
  const request = { url: new URL(url), method: 'HEAD', headers: {}, body: '', timeoutMs, limitBytes: 0, policy: publicOnly } as const
  const answer = await requestOnce({ ...request, resolve: resolveBySystem }).answer
  const durationMs = Math.round(performance.now() - startedAt)
  const asked = { inviteId, testResolutionPath: resolutionPathOf(token), requestedUrl: url, timeoutMs, method: 'HEAD' as const, durationMs }
  if ('status' in answer)
    return { ...asked, status: 'reachable', httpStatus: answer.status, message: `The server answered with ${answer.status}` }
  if (answer.errorCode === 'adapter_http_redirect') return { ...asked, status: 'reachable', httpStatus: null, message: answer.error }
  return { ...asked, status: answer.errorCode === 'timeout' ? 'timeout' : 'unreachable', httpStatus: null, message: answer.error }
}
