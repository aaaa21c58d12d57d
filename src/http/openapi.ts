// Renders the OpenAPI document from the declared routes and the words of `openapi/texts/`.

import { createComponents } from './openapi/components.ts'
import { describeSchemas } from './openapi/describe.ts'
import { createExampleMaker } from './openapi/examples.ts'
import { renderSchema } from './openapi/jsonSchema.ts'
import type { Json } from './openapi/jsonSchema.ts'
import { onlyRefuses, operationOf } from './openapi/operation.ts'
import { sharedParameters } from './openapi/parameters.ts'
import { createRefusalSet, generalSchemas } from './openapi/refusalSchemas.ts'
import { tags } from './openapi/texts/tags.ts'
import { partPaths } from './openapi/texts/views.ts'
import { answerName, bodyName, inTourOrder, wordsOf } from './openapi/words.ts'
import type { Route } from './route.ts'

const about = `The control plane for companies of AI agents: issues that at most one live run holds, and every change audited in the
transaction that makes it.

A list is a bare array; the \`Link\` header names its next page. An error is \`{error, code, details?, requestId}\`: branch on \`code\`.
\`next\` in the details of a refusal says what to do. Every POST, PATCH, PUT and DELETE may carry an \`Idempotency-Key\`.`

const license = { name: 'MIT', identifier: 'MIT' }
const contact = { name: 'The maintainers of paperclip-server' }

const headers = {
  RequestId: { description: 'The id of the request', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds to wait before a retry', schema: { type: 'integer' } },
  Link: { description: 'The next page, if there is one: rel="next"', schema: { type: 'string' } },
  ETag: {
    description: 'The version of the row, for If-Match. That of a GET also has a hash of the answer, for If-None-Match',
    schema: { type: 'string' },
  },
  FileETag: { description: 'The SHA-256 of the bytes, for If-None-Match', schema: { type: 'string' } },
  Replayed: {
    description: 'true when the answer repeats that of an earlier request with the same Idempotency-Key',
    schema: { type: 'string' },
  },
}

const fault = {
  description: 'A bug of this server; the answer reveals no cause',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/InternalRefusal' } } },
}

const bearer = {
  type: 'http',
  scheme: 'bearer',
  description: 'An agent API key, a run token, or the token of the board. In local mode a request from this machine may need none.',
}

/** Gives every view and every body its name. */
function nameSchemas(routes: readonly Route[], refusalSchemas: Readonly<Record<string, Json>>) {
  const components = createComponents()
  components.add('EmptyRequest', { schema: { type: 'object', properties: {} }, recursive: {} })
  for (const route of routes) components.add(answerName(route), renderSchema(route.returns, 'output', answerName(route)))
  for (const route of routes)
    if (route.body !== undefined) components.add(bodyName(route), renderSchema(route.body, 'input', bodyName(route)))
  for (const [name, schema] of Object.entries(refusalSchemas)) components.add(name, { schema, recursive: {} })
  for (const [name, path] of Object.entries(partPaths)) components.addPart(name, path)
  return components
}

/** `The body of checkoutIssue`, for bodies that have no words of their own. */
const bodyTexts = (routes: readonly Route[]): Record<string, string> =>
  Object.fromEntries(routes.map((route) => [bodyName(route), `The body of \`${wordsOf(route).id}\``]))

/** Renders every declared route as an OpenAPI 3.1 document. The document is generated from the declarations and the words alone. */
export function openapi(declared: readonly Route[], version: string): Json {
  const routes = inTourOrder(declared.filter((route) => !onlyRefuses(route)))
  const refusals = createRefusalSet()
  for (const route of routes) refusals.responsesOf(route)
  const components = nameSchemas(routes, refusals.schemas())
  const schemas = describeSchemas({ ...components.render(), ...generalSchemas }, bodyTexts(routes))
  const maker = createExampleMaker(schemas)
  const examples: Record<string, Json> = {}
  const paths: Record<string, Json> = {}
  const add = (name: string, schema: Json): string => {
    examples[name] ??= { value: maker.ofSchema(schema, name) }
    return name
  }
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operationOf(route, { components, refusals, examples: { add } }) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'paperclip-server', version, description: about, license, contact },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, {}],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: { bearer },
      parameters: sharedParameters,
      headers,
      responses: { ...refusals.responses(), Fault: fault },
      examples,
      schemas,
    },
  }
}
