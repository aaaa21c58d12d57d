// Renders the OpenAPI document from the declared routes.

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { permissions } from '../auth/permissions.ts'
import { Refusal, refusals } from '../platform/kernel/errors.ts'
import type { RefusalCode } from '../platform/kernel/errors.ts'
import { problemBody } from './problem.ts'
import type { Route, StreamKind, BodyKind } from './route.ts'

type Json = Record<string, unknown>

interface Components {
  readonly schemas: Record<string, Json>
  readonly responses: Record<string, Json>
}

/** Formats that need no pattern next to them; the pattern of each takes half a kilobyte. */
const selfDescribingFormats = new Set(['date-time', 'date', 'uuid'])

/** Removes redundant parts that zod adds: patterns of known formats, and the bounds of every safe integer. */
function trimSchema(schema: Json): void {
  if (selfDescribingFormats.has(String(schema['format']))) delete schema['pattern']
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum']
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum']
}

/**
 * The JSON schema of a zod schema. A recursive schema refers to its own root (`#`), which in this document is the root of
 * the document. Such a schema becomes a component, and its references point to the component.
 */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', name: string, components: Components): Json {
  const {
    $schema: _,
    $defs,
    ...own
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => trimSchema(jsonSchema as Json),
  }) as Json & { $defs?: Record<string, Json> }
  const rebaseRefs = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rebaseRefs)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, key === '$ref' && typeof item === 'string' ? componentRef(item) : rebaseRefs(item)]),
    )
  }
  const componentRef = (ref: string): string =>
    `#/components/schemas/${ref === '#' ? name : ref.replace('#/$defs/', `${name}_`).replaceAll(/[^\w#/]/g, '_')}`
  for (const [key, item] of Object.entries($defs ?? {}))
    components.schemas[`${name}_${key.replaceAll(/\W/g, '_')}`] = rebaseRefs(item) as Json
  const text = JSON.stringify(own)
  if (!text.includes('"$ref":"#"')) return rebaseRefs(own) as Json
  components.schemas[name] = rebaseRefs(own) as Json
  return { $ref: `#/components/schemas/${name}` }
}

const pathParameters = (path: string): Json[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))

function queryParameters(route: Route, components: Components): Json[] {
  if (route.query === undefined) return []
  const schema = schemaOf(route.query, 'input', `${route.operationId}Query`, components)
  const { properties = {}, required = [] } = schema as { properties?: Json; required?: string[] }
  return Object.entries(properties).map(([name, item]) => ({ name, in: 'query', required: required.includes(name), schema: item }))
}

/** True when an agent can hold the permission of the route, and then a run may act. */
const allowsAgents = (route: Route): boolean =>
  (permissions[route.permission] as readonly string[]).some((holder) => ['agent', 'self', 'ceo', 'creator'].includes(holder))

const header = (name: string, description: string, schema: Json): Json => ({ name, in: 'header', description, schema })

/** Parameters that many routes take; see headers.ts, auth/identify.ts and projection.ts. */
const parameters = {
  RequestId: header('X-Request-Id', 'The id of the request in the answer, the log and the audit row', { type: 'string', maxLength: 128 }),
  IdempotencyKey: header('Idempotency-Key', 'The same key, caller, route and body has one effect and one answer for 24 hours', {
    type: 'string',
    maxLength: 255,
  }),
  RunId: header('X-Paperclip-Run-Id', 'The acting run, together with an API key; a run token names its own run', {
    type: 'string',
    format: 'uuid',
  }),
  IfMatch: header('If-Match', 'The ETag the issue must still have; otherwise 412 with the current issue', { type: 'string' }),
  LockEpoch: header('X-Paperclip-Lock-Epoch', 'The lock epoch the issue must still have; otherwise 409', { type: 'integer', minimum: 0 }),
  Prefer: header('Prefer', 'Answer only with the fields that the next request needs', { enum: ['return=minimal'] }),
  Fields: { name: 'fields', in: 'query', description: 'Answer with these fields only, separated by commas', schema: { type: 'string' } },
  IfNoneMatch: header('If-None-Match', 'ETags that the client has; if one of them is that of the file, 304 without the file', {
    type: 'string',
  }),
  LastEventId: header('Last-Event-ID', 'The id of the last event that the client read; later events are sent', { type: 'string' }),
  Compact: {
    name: 'compact',
    in: 'query',
    description: 'Leave out fields that are null',
    schema: { enum: ['1', 'true', '0', 'false', ''] },
  },
} as const satisfies Record<string, Json>

function sharedParameters(route: Route): Json[] {
  const writes = route.method !== 'get'
  const applies: Readonly<Record<keyof typeof parameters, boolean>> = {
    RequestId: true,
    IdempotencyKey: route.method === 'post',
    RunId: writes && allowsAgents(route),
    IfMatch: route.refuses.includes('precondition_failed'),
    LockEpoch: route.refuses.includes('lock_epoch_mismatch'),
    Prefer: writes && route.streams === null,
    Fields: !writes && route.streams === null,
    Compact: route.streams === null,
    IfNoneMatch: route.streams === 'file',
    LastEventId: route.streams === 'events',
  }
  return Object.entries(applies).flatMap(([name, isApplicable]) => (isApplicable ? [{ $ref: `#/components/parameters/${name}` }] : []))
}

/** Every code a route may refuse with: the codes it declares, and those that follow from its method, scope and body. */
function refusalCodesOf(route: Route): RefusalCode[] {
  const isPublic = (permissions[route.permission] as readonly string[]).includes('public')
  const writes = route.method !== 'get'
  return [
    ...new Set<RefusalCode>([
      ...route.refuses,
      'bad_request',
      'host_not_allowed',
      'origin_not_allowed',
      'unauthorized',
      'busy',
      'unavailable',
      ...(isPublic ? [] : (['forbidden'] as const)),
      ...(route.scope.reads === null ? [] : (['not_found'] as const)),
      ...(route.query === undefined && route.body === undefined ? [] : (['validation_failed'] as const)),
      ...(route.paged ? (['malformed_cursor'] as const) : []),
      ...(writes ? (['malformed_header'] as const) : []),
      ...(writes && allowsAgents(route) ? (['malformed_run_id', 'run_ended', 'run_unknown', 'run_id_mismatch'] as const) : []),
      ...(allowsAgents(route) ? (['quota_exceeded'] as const) : []),
      ...(route.body === undefined ? [] : (['body_too_large', 'unsupported_media_type'] as const)),
      ...(route.body === undefined || route.bodyKind === 'file' ? [] : (['malformed_json'] as const)),
      ...(route.bodyKind === 'file' ? (['malformed_form', 'file_empty', 'file_too_large'] as const) : []),
      ...(route.method === 'post' ? (['idempotency_in_flight', 'idempotency_mismatch'] as const) : []),
    ]),
  ]
}

/** Minimum length of a shared schema in characters of JSON; a shorter one is easier to read in place. */
const MIN_SHARED_LENGTH = 200
const EXAMPLE_REQUEST = '0f8fad5b-d9cb-469f-a165-70867728950e'

/** The response component for a status and a set of codes, shared by all routes with the same set. */
function refusalComponent(status: number, codes: readonly [RefusalCode, ...RefusalCode[]], components: Components): Json {
  const schemaOfForm = (form: string): Json => ({
    allOf: [{ $ref: `#/components/schemas/${form}` }, { type: 'object', properties: { code: { enum: codes } } }],
  })
  const example = (rfc9457: boolean): unknown => JSON.parse(problemBody(new Refusal(codes[0]), EXAMPLE_REQUEST, rfc9457))
  const name = `Refusal${status}_${createHash('sha256').update(codes.join()).digest('hex').slice(0, 8)}`
  components.responses[name] ??= {
    description: [...new Set(codes.map((code) => refusals[code].message))].join('; '),
    headers: {
      'X-Request-Id': { $ref: '#/components/headers/RequestId' },
      ...(status === 409 || status === 429 || status === 503 ? { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } } : {}),
    },
    content: {
      'application/json': { schema: schemaOfForm('Refusal'), example: example(false) },
      'application/problem+json': { schema: schemaOfForm('Problem'), example: example(true) },
    },
  }
  return { $ref: `#/components/responses/${name}` }
}

/** The refusals of a route by status. Clients branch on the enum of codes. */
function refusalResponses(route: Route, components: Components): Json {
  const byStatus = new Map<number, [RefusalCode, ...RefusalCode[]]>()
  for (const code of refusalCodesOf(route).toSorted()) {
    const { status } = refusals[code]
    const existing = byStatus.get(status)
    if (existing === undefined) byStatus.set(status, [code])
    else existing.push(code)
  }
  return Object.fromEntries([...byStatus].map(([status, codes]) => [String(status), refusalComponent(status, codes, components)]))
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** The schema of an answer. One that several routes share is a component, named after the first of these routes. */
function responseSchema(route: Route, components: Components): Json {
  const name = `${capital(route.operationId)}Answer`
  const schema = schemaOf(route.returns, 'output', name, components)
  if ('$ref' in schema) return schema
  const text = JSON.stringify(schema)
  if (text.length < MIN_SHARED_LENGTH) return schema
  const existingName = Object.entries(components.schemas).find(([, other]) => JSON.stringify(other) === text)?.[0]
  if (existingName === undefined) components.schemas[name] = schema
  return { $ref: `#/components/schemas/${existingName ?? name}` }
}

const streamTypes: Readonly<Record<StreamKind, string>> = {
  lines: 'application/x-ndjson',
  events: 'text/event-stream',
  drawing: 'image/svg+xml',
  file: '*/*',
}

const bodyTypes: Readonly<Record<BodyKind, string>> = { json: 'application/json', file: 'multipart/form-data' }

function successResponses(route: Route, components: Components): Json {
  const schema = responseSchema(route, components)
  const headers = {
    'X-Request-Id': { $ref: '#/components/headers/RequestId' },
    ...(route.paged ? { Link: { $ref: '#/components/headers/Link' } } : {}),
    ...(route.headers === undefined ? {} : { ETag: { $ref: '#/components/headers/ETag' } }),
    ...(route.streams === 'file' ? { ETag: { $ref: '#/components/headers/FileETag' } } : {}),
    ...(route.method === 'post' ? { 'Idempotency-Replayed': { $ref: '#/components/headers/Replayed' } } : {}),
  }
  const content = {
    [route.streams === null ? 'application/json' : streamTypes[route.streams]]: {
      schema: route.paged ? { type: 'array', items: schema } : schema,
    },
  }
  // A route that never succeeds has refusals only.
  if (route.returns instanceof z.ZodNever) return {}
  return {
    [route.status]: { description: 'Done', headers, content },
    ...(route.altStatus === undefined ? {} : { [route.altStatus.status]: { description: 'Done', headers, content } }),
    ...(route.streams === 'file' ? { 304: { description: 'The client has this version already: If-None-Match names its ETag' } } : {}),
    ...(route.emptyAs204 ? { 204: { description: 'There is no result' } } : {}),
  }
}

function operation(route: Route, components: Components): Json {
  const body = (schema: z.ZodType): Json => schemaOf(schema, 'input', `${route.operationId}Body`, components)
  return {
    operationId: route.operationId,
    summary: route.summary,
    tags: [route.path.split('/')[2] ?? 'api'],
    'x-permission': route.permission,
    'x-holders': permissions[route.permission],
    parameters: [...pathParameters(route.path), ...queryParameters(route, components), ...sharedParameters(route)],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: !route.bodyOptional, content: { [bodyTypes[route.bodyKind]]: { schema: body(route.body) } } } }),
    responses: {
      ...successResponses(route, components),
      ...refusalResponses(route, components),
      default: { $ref: '#/components/responses/Fault' },
    },
  }
}

const refusalProperties = {
  error: { type: 'string', description: 'For people' },
  code: { enum: [...Object.keys(refusals), 'internal'], description: 'For programs' },
  details: { description: 'Facts about the refusal; for a failed validation, the list of findings' },
  requestId: { type: 'string' },
}

/** Renders every declared route as an OpenAPI 3.1 document. The document is generated from the declarations alone. */
export function openapi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {}
  const components: Components = { schemas: {}, responses: {} }
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operation(route, components) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'paperclip-server', version },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, {}],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An agent API key or a run token. A request from this machine without one acts as the board.',
        },
      },
      parameters,
      headers: {
        RequestId: { description: 'The id of the request', schema: { type: 'string' } },
        RetryAfter: { description: 'Seconds to wait before a retry', schema: { type: 'integer' } },
        Link: { description: 'The next page, if there is one: rel="next"', schema: { type: 'string' } },
        ETag: { description: 'The version of the issue, for If-Match', schema: { type: 'string' } },
        FileETag: { description: 'The SHA-256 of the bytes, for If-None-Match', schema: { type: 'string' } },
        Replayed: {
          description: 'true when the answer repeats that of an earlier request with the same Idempotency-Key',
          schema: { type: 'string' },
        },
      },
      responses: {
        ...components.responses,
        Fault: {
          description: 'A bug of this server; the answer reveals no cause',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Refusal' } } },
        },
      },
      schemas: {
        ...components.schemas,
        Refusal: { type: 'object', required: ['error', 'code', 'requestId'], properties: refusalProperties },
        Problem: {
          description: 'The same as a Refusal, as RFC 9457, for Accept: application/problem+json',
          type: 'object',
          required: ['type', 'title', 'status', 'detail', 'instance', 'error', 'code', 'requestId'],
          properties: {
            type: { type: 'string', format: 'uri' },
            title: { type: 'string' },
            status: { type: 'integer' },
            detail: { type: 'string' },
            instance: { type: 'string', format: 'uri' },
            ...refusalProperties,
          },
        },
      },
    },
  }
}
