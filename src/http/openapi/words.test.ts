import { describe, expect, test } from 'vitest'
import { declaredRoutes } from '../../dev/testing/declaredRoutes.ts'
import { openapi } from '../openapi.ts'
import { isObject } from './jsonSchema.ts'
import type { Json } from './jsonSchema.ts'
import { onlyRefuses } from './operation.ts'
import { operationTexts } from './texts/operations.ts'
import { pathTexts } from './texts/parameters.ts'
import { tags } from './texts/tags.ts'
import { partPaths, viewTexts } from './texts/views.ts'
import { routeKey, wordsOf } from './words.ts'

// How to mend a failure: the words of an operation stand in texts/*Operations.ts, those of a view in texts/views.ts, those of a
// field in texts/fields*.ts, those of a parameter in texts/parameters.ts.

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly tags: readonly string[]
  readonly parameters: readonly Json[]
  readonly requestBody?: Json
  readonly responses: Readonly<Record<string, Json>>
}

const allRoutes = declaredRoutes()
const routes = allRoutes.filter((route) => !onlyRefuses(route))
const document = openapi(allRoutes, 'test') as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Readonly<Record<'schemas' | 'parameters' | 'responses' | 'examples', Readonly<Record<string, Json>>>>
  readonly tags: readonly { readonly name: string; readonly description: string }[]
}
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
const { schemas } = document.components

/** Fields without a description below a schema, by their paths. */
function* undescribed(value: unknown, path: string): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* undescribed(item, path)
  if (!isObject(value)) return
  for (const [key, item] of Object.entries(value)) {
    if (key !== 'properties' || !isObject(item)) yield* undescribed(item, path)
    else
      for (const [name, property] of Object.entries(item as Record<string, Json>)) {
        if (typeof property['description'] !== 'string') yield `${path}.${name}`
        yield* undescribed(property, `${path}.${name}`)
      }
  }
}

describe('operations', () => {
  test('Every route has words of its own, and no words are left of a route that does not exist', () => {
    const written = Object.values(operationTexts).flatMap((texts) => Object.keys(texts))
    expect(routes.map(routeKey).filter((key) => !written.includes(key))).toEqual([])
    expect(written.filter((key) => !routes.some((route) => routeKey(route) === key))).toEqual([])
  })

  test('Every operation id is one of its own, and a short name that a person can type', () => {
    const ids = operations.map(({ operationId }) => operationId)
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
    expect(ids.filter((id) => !/^[a-z]+([A-Z][a-z]+){1,4}$/.test(id) || id.length > 30)).toEqual([])
  })

  test('Every operation has a description of its own, which ends with a full stop and says more than the summary', () => {
    for (const { operationId, description } of operations)
      expect({ operationId, description }).toEqual({ operationId, description: expect.stringMatching(/^[A-Z`].*[^.]\.$/s) as string })
    expect(operations.filter(({ description, summary }) => description === `${summary}.`)).toEqual([])
  })

  test('Every operation has one of the tags, and the tags with their texts stand in the order of the tour', () => {
    expect(document.tags).toEqual(Object.entries(tags).map(([name, description]) => ({ name, description })))
    const used = operations.flatMap((operation) => operation.tags)
    expect([...new Set(used)]).toEqual(Object.keys(tags))
    expect(used).toHaveLength(operations.length)
  })

  test('Every parameter has a description', () => {
    const own = operations.flatMap(({ operationId, parameters }) => parameters.map((parameter) => ({ operationId, ...parameter })))
    const shared = Object.values(document.components.parameters)
    const missing = [...own, ...shared].filter((parameter: Json) => !('$ref' in parameter) && typeof parameter['description'] !== 'string')
    expect(missing).toEqual([])
    const names = new Set(
      allRoutes.flatMap((route) => [...route.path.matchAll(/([\w-]+)\/:(\w+)/g)].flatMap(([, a, b]) => [`${a}/${b}`, b])),
    )
    expect(Object.keys(pathTexts).filter((name) => !names.has(name))).toEqual([])
  })

  test('A filter by several values is a list, and a flag is a boolean', () => {
    const parameterOf = (id: string, name: string): Json | undefined =>
      operations.find(({ operationId }) => operationId === id)?.parameters.find((parameter) => parameter['name'] === name)
    expect(parameterOf('listIssues', 'status')).toMatchObject({ schema: { type: 'array' }, style: 'form', explode: false })
    expect(parameterOf('listActivity', 'action')).toMatchObject({ schema: { type: 'array' }, style: 'form', explode: false })
    expect(parameterOf('forceReleaseIssue', 'dryRun')).toMatchObject({ schema: { type: 'boolean' } })
    expect(document.components.parameters['Fields']).toMatchObject({ schema: { type: 'array' }, style: 'form', explode: false })
  })

  test('Every route takes the values that the types of its parameters allow', () => {
    const wrong: string[] = []
    for (const route of routes) {
      const own = operations.find(({ operationId }) => operationId === wordsOf(route).id)?.parameters ?? []
      for (const { name, schema, in: place } of own as { name: string; schema: Json; in: string }[]) {
        if (place !== 'query') continue
        const items = schema['items'] as Json | undefined
        const values = schema['type'] === 'boolean' ? ['true', 'false'] : Array.isArray(items?.['enum']) ? [items['enum'].join(',')] : []
        for (const value of values) {
          const findings = route.query?.safeParse({ [name]: value }).error?.issues ?? []
          if (findings.some(({ path }) => path[0] === name)) wrong.push(`${routeKey(route)} ${name}`)
        }
      }
    }
    expect(wrong).toEqual([])
  })
})

describe('views', () => {
  test('Every component has a name that a person gave, and a description', () => {
    const given = new Set([...Object.keys(viewTexts), 'Problem'])
    const ofOperations = new Set(routes.map((route) => `${wordsOf(route).id}Request`.replace(/^./, (letter) => letter.toUpperCase())))
    const unnamed = Object.keys(schemas).filter((name) => !given.has(name) && !ofOperations.has(name) && !name.endsWith('Refusal'))
    expect(unnamed).toEqual([])
    expect(Object.entries(schemas).flatMap(([name, schema]) => (typeof schema['description'] === 'string' ? [] : [name]))).toEqual([])
  })

  test('Every part of a view that has a name is found at its path', () => {
    expect(Object.keys(partPaths).filter((name) => !(name in schemas))).toEqual([])
  })

  test('Every field of every view has a description', () => {
    const missing = Object.entries(schemas).flatMap(([name, schema]) => [...undescribed(schema, name)])
    const inPlace = operations.flatMap(({ operationId, requestBody, responses }) => [
      ...undescribed(requestBody, operationId),
      ...undescribed(responses, operationId),
    ])
    expect([...missing, ...inPlace]).toEqual([])
  })

  test('A refusal about a hold names the holder by type, and what to do next by an enumeration', () => {
    expect(schemas['IssueHeldRefusal']).toMatchObject({
      required: ['code', 'error', 'requestId', 'details'],
      properties: { code: { const: 'issue_held' }, details: { $ref: '#/components/schemas/HoldConflict' } },
    })
    expect(schemas['HoldConflict']).toMatchObject({ properties: { next: { $ref: '#/components/schemas/NextStep' } } })
    expect(JSON.stringify(schemas['HoldConflict'])).toContain('#/components/schemas/Holder')
    expect(schemas['NextStep']).toMatchObject({ enum: ['wait', 'pick_other', 'new_run', 'ask_board'] })
  })
})

test('A set of refusals that many operations have is one response with a name, so that the document stays short', () => {
  const inPlace = new Map<string, number>()
  for (const { responses } of operations)
    for (const [status, response] of Object.entries(responses))
      if (/^[45]/.test(status) && !('$ref' in response)) {
        const key = `${status} ${JSON.stringify(response['content'])}`
        inPlace.set(key, (inPlace.get(key) ?? 0) + 1)
      }
  // `texts/responses.ts` has the names.
  expect([...inPlace].filter(([, count]) => count > 8).map(([key]) => key)).toEqual([])
})

describe('examples', () => {
  const exampleIn = (media: Json | undefined): unknown => {
    const named = media?.['examples'] as { example?: { $ref: string } } | undefined
    const example = document.components.examples[named?.example?.$ref.split('/').at(-1) ?? '']
    return example === undefined ? undefined : structuredClone(example['value'])
  }
  const jsonOf = (container: Json | undefined): Json | undefined =>
    (container?.['content'] as Record<string, Json> | undefined)?.['application/json']

  test('Every body and every answer has one example, which the schema of the route accepts', () => {
    const wrong: unknown[] = []
    for (const route of routes) {
      const { id } = wordsOf(route)
      const operation = operations.find(({ operationId }) => operationId === id)
      if (route.body !== undefined && route.bodyKind === 'json') {
        const result = route.body.safeParse(exampleIn(jsonOf(operation?.requestBody)))
        if (!result.success) wrong.push([id, 'body', result.error.issues])
      }
      if (route.streams !== null) continue
      const example = exampleIn(jsonOf(operation?.responses[route.status]))
      const rows = route.paged ? (example as unknown[] | undefined) : [example]
      if (rows === undefined || rows.length === 0) wrong.push([id, 'answer'])
      for (const row of rows ?? []) {
        const result = route.returns.safeParse(row)
        if (!result.success) wrong.push([id, 'answer', row, result.error.issues])
      }
    }
    expect(wrong).toEqual([])
  })
})
