import { describe, expect, test } from 'vitest'
import { declaredRoutes } from '../dev/testing/declaredRoutes.ts'
import { sendRawRequest } from '../dev/testing/rawHttp.ts'
import { useServer } from '../dev/testing/world.ts'
import { permissions } from '../auth/permissions.ts'
import { refusals } from '../platform/kernel/errors.ts'
import { openapi } from './openapi.ts'
import { onlyRefuses } from './openapi/operation.ts'
import { wordsOf } from './openapi/words.ts'

const server = useServer()

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema: object
}

interface Schema {
  readonly $ref?: string
  readonly oneOf?: readonly Schema[]
  readonly properties?: { readonly code: { readonly const: keyof typeof refusals } }
  readonly examples?: readonly unknown[]
}

interface Media {
  readonly schema: Schema
}

interface ApiResponse {
  readonly $ref?: string
  readonly description: string
  readonly content?: Readonly<Record<string, Media>>
  readonly headers?: Readonly<Record<string, unknown>>
}

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly parameters: readonly (Parameter & { readonly $ref?: string })[]
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> }
  readonly responses: Readonly<Record<string, ApiResponse>>
}

const allRoutes = declaredRoutes()
/** Routes that only refuse are no operations. */
const routes = allRoutes.filter((route) => !onlyRefuses(route))
const document = openapi(allRoutes, 'test') as {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Readonly<Record<string, Readonly<Record<string, object>>>>
}

/** Follows a reference of the document. */
function resolve(ref: string): unknown {
  const parts = ref.replace(/^#\//, '').split('/')
  return parts.reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], document)
}

const deref = <T extends { readonly $ref?: string }>(value: T): T => (value.$ref === undefined ? value : (resolve(value.$ref) as T))

/** Every `$ref` below a value. */
function* refs(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return
  for (const [key, item] of Object.entries(value)) {
    if (key === '$ref' && typeof item === 'string') yield item
    else yield* refs(item)
  }
}

const operations = routes.map((route) => {
  const operation = document.paths[route.path.replaceAll(/:(\w+)/g, '{$1}')]?.[route.method]
  return [`${route.method.toUpperCase()} ${route.path}`, route, operation] as const
})

describe('openapi', () => {
  test('The root of the document has the fields that OpenAPI 3.1 requires', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'paperclip-server', version: 'test' } })
    for (const path of Object.keys(document.paths)) expect(path).toMatch(/^\/(?:api|llms)(\/(\{\w+\}|[a-z-]+))+(\.[a-z]+)?$/)
    for (const section of Object.values(document.components))
      for (const name of Object.keys(section)) expect(name).toMatch(/^[A-Za-z0-9._-]+$/)
  })

  test('Every reference in the document has a target', () => {
    const dangling = [...new Set(refs(document))].filter((ref) => resolve(ref) === undefined)
    expect(dangling).toEqual([])
  })

  test('Every reference points into the components, so no schema refers to its own root', () => {
    for (const ref of refs(document)) expect(ref).toMatch(/^#\/components\//)
  })

  test('The document is unchanged after a round trip through JSON', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document)
  })
})

describe.each(operations)('%s', (_, route, operation) => {
  test('The operation is described completely', () => {
    expect(operation).toBeDefined()
    if (operation === undefined) return
    expect(operation.operationId).toBe(wordsOf(route).id)
    expect(operation.summary).toMatch(/^[A-Z][^.]+$/)

    const parameters = operation.parameters.map((parameter) => deref(parameter))
    const inPath = parameters.filter((parameter) => parameter.in === 'path')
    expect(inPath.map(({ name }) => name)).toEqual([...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name))
    expect(inPath.every(({ required }) => required === true)).toBe(true)
    const keys = parameters.map((parameter) => `${parameter.in} ${parameter.name}`)
    expect(new Set(keys).size).toBe(keys.length)
    for (const parameter of parameters) expect(parameter.schema).toBeTypeOf('object')

    const headers = parameters.filter((parameter) => parameter.in === 'header').map(({ name }) => name)
    const holders: readonly string[] = permissions[route.permission]
    const forAgents = holders.some((holder) => !['public', 'board', 'admin', 'token'].includes(holder))
    expect(headers.includes('Idempotency-Key')).toBe(route.method !== 'get')
    expect(headers.includes('X-Paperclip-Run-Id')).toBe(route.method !== 'get' && forAgents)
    expect(headers.includes('If-Match')).toBe(route.refuses.includes('precondition_failed'))
    expect(headers.includes('X-Paperclip-Lock-Epoch')).toBe(route.refuses.includes('lock_epoch_mismatch'))
    expect(operation.requestBody === undefined).toBe(route.body === undefined)
  })

  test('Every answer has a schema, and every refusal has its codes, each with a schema and an example of its own', () => {
    const listed: string[] = []
    for (const [status, given] of Object.entries(operation?.responses ?? {})) {
      const response = deref(given)
      expect(status).toMatch(/^([245]\d\d|304|default)$/)
      expect(response.description).not.toBe('')
      if (status === '204' || status === '304') continue
      for (const media of Object.values(response.content ?? {})) expect(media.schema).toBeTypeOf('object')
      if (!/^[45]/.test(status)) continue
      const own = response.content?.['application/json']?.schema ?? {}
      for (const schema of (own.oneOf ?? [own]).map((each) => deref(each))) {
        const code = schema.properties?.code.const ?? 'bad_request'
        listed.push(code)
        expect(refusals[code].status).toBe(Number(status))
        expect(schema.examples).toEqual([expect.objectContaining({ code, error: refusals[code].message })])
      }
      expect(response.content?.['application/problem+json']?.schema).toEqual({ $ref: '#/components/schemas/Problem' })
    }
    expect(listed).toEqual(expect.arrayContaining([...route.refuses]))
    expect(operation?.responses['default']).toBeDefined()
  })
})

describe('GET /api/docs', () => {
  const html = async (): Promise<string> => {
    const answer = await server().board.get('/api/docs/')
    expect(answer.status).toBe(200)
    return answer.text
  }

  test('The page has no link to another host, so it works without the internet', async () => {
    const page = await html()
    const foreign = [...page.matchAll(/(?:src|href|action)\s*=\s*["']([^"']+)["']/g)]
      .map(([, url]) => url)
      .filter((url) => /^(\w+:)?\/\//.test(url ?? ''))
    expect(foreign).toEqual([])
    expect(page).not.toMatch(/@import|url\(\s*['"]?https?:/)
  })

  test('Every script and style of the page is served by this server', async () => {
    const page = await html()
    const assets = [...page.matchAll(/<(?:script[^>]*src|link[^>]*rel="stylesheet"[^>]*href)="([^"]+)"/g)].map(([, url]) => url ?? '')
    expect(assets.length).toBeGreaterThanOrEqual(3)
    for (const asset of assets) {
      const answer = await server().board.get(new URL(asset, `${server().url}/api/docs/`).pathname)
      expect({ asset, status: answer.status }).toEqual({ asset, status: 200 })
      expect(answer.headers['content-type']).toMatch(/javascript|css/)
    }
  })

  test('The headers of the page forbid other hosts, and the page sends the document to no validator', async () => {
    const answer = await server().board.get('/api/docs/')
    expect(answer.headers['content-security-policy']).toContain("default-src 'self'")
    expect(answer.headers['content-security-policy']).not.toMatch(/https?:|\*/)
    const script = await server().board.get('/api/docs/swagger-ui-init.js')
    expect(script.text).toContain('"validatorUrl": null')
    expect(script.text).toContain('"url": "/api/openapi.json"')
  })

  test('The page is refused for a foreign Host, like every other path', async () => {
    expect(await sendRawRequest(server().url, ['GET /api/docs/ HTTP/1.1', 'Host: evil.example'])).toMatchObject({ status: 403 })
  })

  test('The document is served at /api/openapi.json', async () => {
    const { body } = await server().board.get('/api/openapi.json')
    expect(body).toEqual(JSON.parse(JSON.stringify(openapi(allRoutes, 'test'))))
  })
})
