import type { Response } from 'express'
import type { RequestTrace } from '../http/exchange.ts'
import type { Actor } from '../platform/kernel/actor.ts'
import type { Log } from '../platform/kernel/log.ts'

/** A path or a name on a terminal: longer ones would break the line. */
const MAX_PATH = 160
const MAX_NAME = 60

/** Makes a text of a client harmless to a terminal: no control characters, no line breaks, a bounded length. */
const shown = (text: string, max: number): string => {
  const clean = text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
  return clean.length > max ? `${clean.slice(0, max)}…` : clean
}

function nameOf(actor: Actor | undefined): string {
  if (actor === undefined || actor.kind === 'anonymous') return 'anonymous'
  return actor.kind === 'agent' ? shown(actor.agentName ?? actor.agentId, MAX_NAME) : actor.kind
}

/** An answered request. */
export interface AnsweredRequest {
  readonly response: Response
  readonly ms: number
  /** The code of the refusal. */
  readonly code: string | undefined
}

/** Tokens of invitations stand in paths. Their beginning says what they are. */
const withoutTokens = (path: string): string => path.replaceAll(/(pcp_[a-z]+_)[\w-]+/g, '$1…')

/** One line for a person: `PATCH /api/issues/PAI-1 409 lock_revoked 9 ms Ada`. It never has a token or a query, which may have a secret. */
function sentenceOf({ response, ms, code }: AnsweredRequest): string {
  const { actor, requestId } = response.locals['trace'] as RequestTrace
  const { method, originalUrl } = response.req
  const [path = ''] = originalUrl.split('?')
  const what = `${method} ${shown(withoutTokens(path), MAX_PATH)} ${response.statusCode}${code === undefined ? '' : ` ${code}`}`
  const reference = response.statusCode >= 500 ? ` (request ${requestId})` : ''
  return `${what} ${Math.round(ms)} ms ${nameOf(actor)}${reference}`
}

/** The allow-list of facts for a program that reads the log. It never contains a body, a header, a path or a query. */
function factsOf({ response, ms, code }: AnsweredRequest): object {
  const { requestId, actor, route, traceId } = response.locals['trace'] as RequestTrace
  return {
    requestId,
    ...(traceId === undefined || traceId === requestId ? {} : { traceId }),
    route: route?.operationId,
    status: response.statusCode,
    ms: Math.round(ms * 10) / 10,
    actor: actor?.kind,
    ...(actor?.kind === 'agent' ? { agentId: actor.agentId, runId: actor.runId } : {}),
    ...(code === undefined ? {} : { code, permission: route?.permission }),
  }
}

/** Probes come every few seconds, and say nothing as long as they succeed. */
const isQuiet = ({ response }: AnsweredRequest): boolean =>
  response.statusCode < 400 && (response.locals['trace'] as RequestTrace).route?.path === '/api/health'

/**
 * Logs one line per request.
 * @param isTerminal writes a sentence in place of facts
 */
export function logRequest(log: Log, answered: AnsweredRequest, isTerminal: boolean): void {
  const { statusCode } = answered.response
  const refused = statusCode >= 500 ? 'request failed' : statusCode === 403 ? 'request denied' : 'request'
  // `refusal` is not shown on a terminal; it says to those who hold lines back what the line is about.
  const [facts, text] = isTerminal ? [{ refusal: answered.code }, sentenceOf(answered)] : [factsOf(answered), refused]
  if (isQuiet(answered)) log.debug(facts, text)
  else if (statusCode >= 500) log.error(facts, text)
  else if (statusCode === 403) log.warn(facts, text)
  else log.info(facts, text)
}
