// Parameters: those of the path and the query of one route, and the headers that many routes take.

import { agentHolders, permissions } from '../../auth/permissions.ts'
import { answersFile } from '../route.ts'
import type { Route } from '../route.ts'
import { renderSchema } from './jsonSchema.ts'
import type { Json } from './jsonSchema.ts'
import { parameterTexts, pathTexts } from './texts/parameters.ts'

/** True when an agent can hold the permission of the route, and then a run may act. */
export const allowsAgents = (route: Route): boolean => permissions[route.permission].some((holder) => agentHolders.includes(holder))

export const writes = (route: Route): boolean => route.method !== 'get'

/** The parameters of the path. The segment before `:id` says what it names. */
export const pathParameters = (route: Route): Json[] =>
  [...route.path.matchAll(/([\w-]+)\/:(\w+)/g)].map(([, collection = '', name = '']) => {
    const words = pathTexts[`${collection}/${name}`] ?? pathTexts[name]
    return {
      name,
      in: 'path',
      required: true,
      ...(words === undefined ? {} : { description: words.text }),
      schema: { type: 'string', ...(words?.format === undefined ? {} : { format: words.format }) },
      ...(words === undefined ? {} : { example: words.example }),
    }
  })

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, Json>>
  readonly required?: readonly string[]
}

const spellings = new Set(['true', '1', 'false', '0', ''])
const isFlag = (values: unknown): boolean =>
  Array.isArray(values) && values.length === spellings.size && values.every((value) => spellings.has(value as string))

/**
 * The schema of a query parameter: what is sent, except that values separated by commas are a list and a switch is a boolean,
 * because that is what a typed client wants to give (see `listOf` and `flag` in query.ts).
 */
function queryParameter(sent: Json, read: Json | undefined): Json {
  if (read?.['type'] === 'array') return { schema: read, style: 'form', explode: false }
  const { default: initial } = sent
  if (isFlag(sent['enum'])) return { schema: { type: 'boolean', ...(initial === undefined ? {} : { default: initial }) } }
  return { schema: sent }
}

export function queryParameters(route: Route): Json[] {
  if (route.query === undefined) return []
  const sent = renderSchema(route.query, 'input', 'Query').schema as ObjectSchema
  const read = renderSchema(route.query, 'output', 'Query').schema as ObjectSchema
  return Object.entries(sent.properties ?? {}).map(([name, schema]) => {
    const text = parameterTexts[`${route.path.split('/').at(-1)}?${name}`] ?? parameterTexts[name]
    return {
      name,
      in: 'query',
      required: sent.required?.includes(name) ?? false,
      ...(text === undefined ? {} : { description: text }),
      ...queryParameter(schema, read.properties?.[name]),
    }
  })
}

const header = (name: string, description: string, schema: Json): Json => ({ name, in: 'header', description, schema })

/** Parameters that many routes take; see headers.ts, auth/identify.ts and projection.ts. */
export const sharedParameters = {
  RequestId: header('X-Request-Id', 'The id of the request in the answer, the log and the audit row', { type: 'string', maxLength: 128 }),
  IdempotencyKey: header('Idempotency-Key', 'The same key, caller, route and body has one effect and one answer for 24 hours', {
    type: 'string',
    maxLength: 255,
  }),
  RunId: header('X-Paperclip-Run-Id', 'The acting run, together with an API key; a run token names its own run', {
    type: 'string',
    format: 'uuid',
  }),
  IfMatch: header('If-Match', 'The ETag that the row must still have; otherwise 412 with the row as it is', { type: 'string' }),
  LockEpoch: header('X-Paperclip-Lock-Epoch', 'The lock epoch that the issue must still have; otherwise 409', {
    type: 'integer',
    minimum: 0,
  }),
  Prefer: header('Prefer', 'Answer only with the fields that the next request needs', { type: 'string', enum: ['return=minimal'] }),
  Fields: {
    name: 'fields',
    in: 'query',
    description: 'Answer with these fields only',
    schema: { type: 'array', items: { type: 'string' } },
    style: 'form',
    explode: false,
  },
  IfNoneMatch: header('If-None-Match', 'ETags that the client has; if one of them is the current one, 304 without a body', {
    type: 'string',
  }),
  LastEventId: header('Last-Event-ID', 'The id of the last event that the client read; later events are sent', { type: 'string' }),
  Compact: { name: 'compact', in: 'query', description: 'Leave out fields that are null', schema: { type: 'boolean' } },
} as const satisfies Record<string, Json>

/** Whether the answer to a GET has an entity tag. */
export const sendsTag = ({ method, headers, streams }: Route): boolean =>
  method === 'get' && (headers !== undefined || answersFile({ streams }))

export function sharedParametersOf(route: Route): Json[] {
  const applies: Readonly<Record<keyof typeof sharedParameters, boolean>> = {
    RequestId: true,
    IdempotencyKey: route.method !== 'get',
    RunId: writes(route) && allowsAgents(route),
    IfMatch: route.refuses.includes('precondition_failed'),
    LockEpoch: route.refuses.includes('lock_epoch_mismatch'),
    Prefer: writes(route) && route.streams === null,
    Fields: !writes(route) && route.streams === null,
    Compact: route.streams === null,
    IfNoneMatch: sendsTag(route),
    LastEventId: route.streams === 'events' || route.follows,
  }
  return Object.entries(applies).flatMap(([name, isApplicable]) => (isApplicable ? [{ $ref: `#/components/parameters/${name}` }] : []))
}
