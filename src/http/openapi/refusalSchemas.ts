// The refusals of the document: which route may refuse with which code, and what each code has in its details.

import { permissions } from '../../auth/permissions.ts'
import { Refusal, refusals } from '../../platform/kernel/errors.ts'
import type { RefusalCode } from '../../platform/kernel/errors.ts'
import { internalError, problemBody } from '../problem.ts'
import { refusalDetails } from '../refusalDetails.ts'
import type { Route } from '../route.ts'
import { componentRef, renderSchema } from './jsonSchema.ts'
import type { Json } from './jsonSchema.ts'
import { allowsAgents, writes } from './parameters.ts'
import { responseNames } from './texts/responses.ts'

/** Every code a route may refuse with: the codes it declares, and those that follow from its method, scope and body. */
function refusalCodesOf(route: Route): RefusalCode[] {
  const isPublic = (permissions[route.permission] as readonly string[]).includes('public')
  return [
    ...new Set<RefusalCode>([
      ...route.refuses,
      'bad_request',
      'host_not_allowed',
      'origin_not_allowed',
      'unauthorized',
      'busy',
      'unavailable',
      'validation_failed',
      ...(isPublic ? [] : (['forbidden'] as const)),
      ...(route.scope.reads === null ? [] : (['not_found'] as const)),
      ...(route.paged ? (['malformed_cursor'] as const) : []),
      ...(writes(route) ? (['malformed_header', 'transaction_timeout'] as const) : []),
      ...(writes(route) && allowsAgents(route)
        ? (['malformed_run_id', 'run_ended', 'run_unknown', 'run_id_mismatch', 'agent_paused', 'company_not_active'] as const)
        : []),
      ...(allowsAgents(route) ? (['quota_exceeded'] as const) : []),
      ...(route.body === undefined ? [] : (['body_too_large', 'unsupported_media_type'] as const)),
      ...(route.body === undefined || route.bodyKind === 'file' ? [] : (['malformed_json'] as const)),
      ...(route.bodyKind === 'file' ? (['malformed_form', 'file_empty', 'file_too_large'] as const) : []),
      ...(route.method !== 'get' ? (['idempotency_in_flight', 'idempotency_mismatch'] as const) : []),
    ]),
  ]
}

const pascal = (code: string): string => code.replaceAll(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** `issue_held` → `IssueHeldRefusal`. */
const refusalName = (code: RefusalCode): string => `${pascal(code)}Refusal`

const EXAMPLE_REQUEST = '0f8fad5b-d9cb-469f-a165-70867728950e'
const exampleOf = (code: RefusalCode): unknown =>
  JSON.parse(problemBody(new Refusal(code, { details: refusalDetails[code]?.example }), EXAMPLE_REQUEST, false))

/** Fields beside `details`: the row as it is. */
const extraFields: Readonly<Partial<Record<RefusalCode, Json>>> = {
  precondition_failed: {
    issue: { $ref: componentRef('IssueWithLabels') },
    approval: { $ref: componentRef('ApprovalDetail') },
    agent: { $ref: componentRef('Agent') },
    company: { $ref: componentRef('Company') },
    goal: { $ref: componentRef('Goal') },
    project: { $ref: componentRef('Project') },
  },
  approval_changed: { approval: { $ref: componentRef('ApprovalDetail') } },
}

/** The schema of the body of one refusal. */
function refusalSchema(code: RefusalCode): Json {
  const details = refusalDetails[code]
  return {
    type: 'object',
    description: `${refusals[code].message} (${refusals[code].status})${details === undefined ? '' : `. Details: ${details.text}`}`,
    properties: {
      code: { type: 'string', const: code },
      ...(details === undefined ? {} : { details: renderSchema(details.schema, 'output', refusalName(code)).schema }),
      error: { type: 'string' },
      requestId: { type: 'string' },
      ...extraFields[code],
    },
    examples: [exampleOf(code)],
    required: ['code', 'error', 'requestId', ...(details?.isAlwaysThere === true ? ['details'] : [])],
  }
}

/** The response for a status and a set of codes. */
function refusalResponse(status: number, codes: readonly [RefusalCode, ...RefusalCode[]]): Json {
  const alternatives = codes.map((code) => ({ $ref: componentRef(refusalName(code)) }))
  return {
    description: [...new Set(codes.map((code) => refusals[code].message))].join('; '),
    headers: {
      'X-Request-Id': { $ref: '#/components/headers/RequestId' },
      ...(status === 409 || status === 429 || status === 503 ? { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } } : {}),
    },
    content: {
      'application/json': { schema: alternatives.length === 1 ? alternatives[0] : { oneOf: alternatives } },
      'application/problem+json': { schema: { $ref: componentRef('Problem') } },
    },
  }
}

/** The refusals of a document while it is made. */
export interface RefusalSet {
  /** The refusals of a route by status. Clients branch on `code`. */
  readonly responsesOf: (route: Route) => Json
  /** The schema of each code that some route refuses with. */
  readonly schemas: () => Record<string, Json>
  readonly responses: () => Record<string, Json>
}

export function createRefusalSet(): RefusalSet {
  const codesInUse = new Set<RefusalCode>()
  const responses: Record<string, Json> = {}

  const responseOf = (status: number, codes: readonly [RefusalCode, ...RefusalCode[]]): Json => {
    const name = responseNames[`${status} ${codes.join(' ')}`]
    if (name === undefined) return refusalResponse(status, codes)
    responses[name] ??= refusalResponse(status, codes)
    return { $ref: `#/components/responses/${name}` }
  }

  return {
    responsesOf: (route) => {
      const byStatus = new Map<number, [RefusalCode, ...RefusalCode[]]>()
      for (const code of refusalCodesOf(route).toSorted()) {
        codesInUse.add(code)
        const { status } = refusals[code]
        const existing = byStatus.get(status)
        if (existing === undefined) byStatus.set(status, [code])
        else existing.push(code)
      }
      return Object.fromEntries([...byStatus].map(([status, codes]) => [String(status), responseOf(status, codes)]))
    },
    schemas: () => Object.fromEntries([...codesInUse].toSorted().map((code) => [refusalName(code), refusalSchema(code)])),
    responses: () => responses,
  }
}

/** A fault, and the refusals of every code together in the form of RFC 9457. */
export const generalSchemas: Readonly<Record<string, Json>> = {
  InternalRefusal: {
    description: 'A bug of this server; the answer reveals no cause',
    type: 'object',
    required: ['code', 'error', 'requestId'],
    properties: { code: { type: 'string', const: internalError.code }, error: { type: 'string' }, requestId: { type: 'string' } },
  },
  Problem: {
    description: 'The same as a refusal, as RFC 9457, for `Accept: application/problem+json`',
    type: 'object',
    required: ['type', 'title', 'status', 'detail', 'instance', 'error', 'code', 'requestId'],
    properties: {
      type: { type: 'string', format: 'uri' },
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string' },
      instance: { type: 'string', format: 'uri' },
      error: { type: 'string' },
      code: { type: 'string', enum: [...Object.keys(refusals), internalError.code] },
      details: {},
      requestId: { type: 'string' },
    },
  },
}
