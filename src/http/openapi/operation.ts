// One operation of the document.

import { z } from 'zod'
import { permissions } from '../../auth/permissions.ts'
import { answersFile } from '../route.ts'
import type { BodyKind, Route, StreamKind } from '../route.ts'
import type { Components } from './components.ts'
import { describeFields } from './describe.ts'
import { renderSchema } from './jsonSchema.ts'
import type { Json } from './jsonSchema.ts'
import { pathParameters, queryParameters, sendsTag, sharedParametersOf } from './parameters.ts'
import type { RefusalSet } from './refusalSchemas.ts'
import { viewTexts } from './texts/views.ts'
import { answerName, bodyName, wordsOf } from './words.ts'

/** A route that only refuses, for clients of Paperclip's API. It is no operation that a client could want. */
export const onlyRefuses = (route: Route): boolean => route.returns instanceof z.ZodNever

const streamTypes: Readonly<Record<StreamKind, string>> = {
  lines: 'application/x-ndjson',
  events: 'text/event-stream',
  drawing: 'image/svg+xml',
  text: 'text/plain',
  picture: 'image/png',
  file: 'application/octet-stream',
}

const bodyTypes: Readonly<Record<BodyKind, string>> = { json: 'application/json', file: 'multipart/form-data' }

const ref = (section: string, name: string): Json => ({ $ref: `#/components/${section}/${name}` })

/** The example of an answer or a body stands in the components under the name of its view. */
export interface ExampleBook {
  /** @returns the name of the example; null for what is not JSON */
  readonly add: (name: string, schema: Json) => string
}

interface Parts {
  readonly components: Components
  readonly refusals: RefusalSet
  readonly examples: ExampleBook
}

const withExample = (schema: Json, name: string, examples: ExampleBook): Json => ({
  schema,
  examples: { example: ref('examples', examples.add(name, schema)) },
})

function successResponses(route: Route, { components, examples }: Parts): Json {
  const name = answerName(route)
  const rendered = components.refer(renderSchema(route.returns, 'output', name).schema)
  const schema = route.paged ? { type: 'array', items: rendered } : rendered
  const isList = schema['type'] === 'array'
  const headers = {
    'X-Request-Id': ref('headers', 'RequestId'),
    ...(route.paged ? { Link: ref('headers', 'Link') } : {}),
    ...(route.headers === undefined ? {} : { ETag: ref('headers', 'ETag') }),
    ...(answersFile(route) ? { ETag: ref('headers', 'FileETag') } : {}),
    ...(route.method !== 'get' ? { 'Idempotency-Replayed': ref('headers', 'Replayed') } : {}),
  }
  const media = route.streams === null ? 'application/json' : streamTypes[route.streams]
  const described = describeFields(schema, name)
  const hasExample = route.streams === null || route.streams === 'lines'
  const content = {
    [media]: hasExample ? withExample(described, isList ? `${name}List` : name, examples) : { schema: described },
    ...(route.follows ? { [streamTypes.events]: { schema: described } } : {}),
    ...(route.csvFile === null ? {} : { 'text/csv': { schema: { type: 'string' } } }),
  }
  const text = viewTexts[name] ?? 'The result'
  const description = isList ? `A list: ${text.charAt(0).toLowerCase()}${text.slice(1)}` : text
  return {
    [route.status]: { description, headers, content },
    ...(route.altStatus === undefined ? {} : { [route.altStatus.status]: { description, headers, content } }),
    ...(sendsTag(route) ? { 304: { description: 'The client has this version already: If-None-Match names its ETag' } } : {}),
    ...(route.emptyAs204 ? { 204: { description: 'There is no result' } } : {}),
  }
}

function requestBody(route: Route, { components, examples }: Parts): Json {
  if (route.body === undefined) return {}
  const name = bodyName(route)
  const schema = describeFields(components.refer(renderSchema(route.body, 'input', name).schema), name)
  const media = bodyTypes[route.bodyKind]
  const content = { [media]: route.bodyKind === 'json' ? withExample(schema, name, examples) : { schema } }
  return { requestBody: { required: !route.bodyOptional, content } }
}

/** Renders one operation. Every schema that it needs has its name in the components already. */
export function operationOf(route: Route, parts: Parts): Json {
  const { id, text, tag } = wordsOf(route)
  return {
    operationId: id,
    summary: route.summary,
    description: text,
    tags: [tag ?? 'Instance'],
    'x-permission': route.permission,
    'x-holders': permissions[route.permission],
    parameters: [...pathParameters(route), ...queryParameters(route), ...sharedParametersOf(route)],
    ...requestBody(route, parts),
    responses: {
      ...successResponses(route, parts),
      ...parts.refusals.responsesOf(route),
      default: ref('responses', 'Fault'),
    },
  }
}
