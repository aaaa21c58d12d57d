import { z } from 'zod'
import { permissions } from '../access/permissions.ts'
import { refusals } from '../kernel/errors.ts'
import type { Route } from './route.ts'

type Json = Record<string, unknown>

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json
  return rest
}

const pathParameters = (path: string): Json[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))

function queryParameters(route: Route): Json[] {
  if (route.query === undefined) return []
  const { properties = {}, required = [] } = schemaOf(route.query, 'input') as { properties?: Json; required?: string[] }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }))
}

const headerParameters = (route: Route): Json[] => [
  ...(route.method === 'post' ? [{ name: 'Idempotency-Key', in: 'header', schema: { type: 'string', maxLength: 255 } }] : []),
  ...(route.method === 'get' ? [] : [{ name: 'X-Paperclip-Run-Id', in: 'header', schema: { type: 'string', format: 'uuid' } }]),
]

/** The refusals a route declares, by status: the codes are the enum a client branches on. */
function refusalResponses(route: Route): Json {
  const byStatus = new Map<number, string[]>()
  const guarded = (permissions[route.permission] as readonly string[]).includes('public') ? [] : ['unauthorized', 'forbidden']
  for (const code of new Set([...route.refuses, ...guarded, 'validation_failed', 'unavailable'])) {
    const { status } = refusals[code as keyof typeof refusals]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus]
      .toSorted(([a], [b]) => a - b)
      .map(([status, codes]) => [
        String(status),
        {
          description: codes.map((code) => refusals[code as keyof typeof refusals].message).join('; '),
          content: {
            'application/json': {
              schema: { allOf: [{ $ref: '#/components/schemas/Refusal' }, { type: 'object', properties: { code: { enum: codes } } }] },
            },
          },
        },
      ]),
  )
}

function operation(route: Route): Json {
  const answer = schemaOf(route.returns, 'output')
  return {
    operationId: route.operationId,
    summary: route.summary,
    tags: [route.path.split('/')[2] ?? 'api'],
    'x-permission': route.permission,
    'x-holders': permissions[route.permission],
    parameters: [...pathParameters(route.path), ...queryParameters(route), ...headerParameters(route)],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: !route.bodyOptional, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } } }),
    responses: {
      [route.status]: {
        description: 'Done',
        content: { 'application/json': { schema: route.paged ? { type: 'array', items: answer } : answer } },
      },
      ...(route.or204 ? { 204: { description: 'Nothing to answer with' } } : {}),
      ...refusalResponses(route),
    },
  }
}

/** Renders every declared route as OpenAPI 3.1. Nothing in it is written by hand. */
export function openapi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'paperclip-server', version },
    security: [{ bearer: [] }, {}],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An agent API key or a run token' } },
      schemas: {
        Refusal: {
          type: 'object',
          required: ['error', 'code', 'requestId'],
          properties: {
            error: { type: 'string' },
            code: { enum: Object.keys(refusals) },
            details: {},
            requestId: { type: 'string' },
          },
        },
      },
    },
  }
}
