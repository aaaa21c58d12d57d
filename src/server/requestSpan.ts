import type { Response } from 'express'
import type { RequestTrace } from '../http/exchange.ts'
import type { TraceParent } from '../http/headers.ts'
import type { Span, SpanFacts } from '../platform/kernel/trace.ts'

/** The trace of a caller as the header that it came in. */
export const headerOf = ({ traceId, spanId, flags }: TraceParent): string => `00-${traceId}-${spanId}-${flags}`

/** The facts of an answered request: no path, no query, no header, no body. */
function factsOf(response: Response, { requestId, actor, route, isLive }: RequestTrace): SpanFacts {
  const code = response.locals['code'] as string | undefined
  return {
    'http.response.status_code': response.statusCode,
    'paperclip.request_id': requestId,
    ...(route === undefined ? {} : { 'http.route': route.path }),
    ...(actor === undefined ? {} : { 'paperclip.actor': actor.kind }),
    ...(actor?.kind === 'agent' ? { 'paperclip.agent_id': actor.agentId, 'paperclip.company_id': actor.companyId } : {}),
    ...(actor?.kind === 'agent' && actor.runId !== null ? { 'paperclip.run_id': actor.runId } : {}),
    ...(code === undefined ? {} : { 'paperclip.code': code }),
    ...(isLive === true ? { 'paperclip.live': true } : {}),
    ...(response.writableFinished ? {} : { 'paperclip.aborted': true }),
  }
}

/** Names the trace in the log and in the answer, and ends the span with the answer, or when the client leaves before it. */
export function followRequest(span: Span, response: Response, trace: RequestTrace): void {
  trace.traceId = span.traceId
  response.setHeader('traceresponse', span.traceParent)
  response.once('close', () => {
    const { method } = response.req
    if (trace.route !== undefined) span.rename(`${method} ${trace.route.path}`)
    span.note(factsOf(response, trace))
    span.end(response.statusCode >= 500 ? String(response.statusCode) : undefined)
  })
}
