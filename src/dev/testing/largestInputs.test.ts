import http from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../http/route.ts'
import { declaredRoutes, namedRoutes } from './declaredRoutes.ts'
import { createFixtureRows, createFixtures } from './contractFixtures.ts'
import type { ApiUnderTest, Fixtures, FixtureRows } from './contractFixtures.ts'
import { buildRequest, endsCompany, isEndless, pathOf, rowIdIn } from './exampleRequests.ts'
import { fillings, fullQueries, hostileFiles, hostileValues, largestBodies } from './largestInputs.ts'
import type { Filling, LargeBody } from './largestInputs.ts'
import { calibrate, measureSlices } from './loopSlices.ts'
import { personas } from './personas.ts'
import { encodeBody } from './rawRequest.ts'
import type { Encoded } from './rawRequest.ts'
import { useServer } from './world.ts'

/**
 * No input within its limit takes the event loop for long, or is answered with more than five megabytes (I22). A slice of the loop may
 * last as long as this many calibrations: about 100 ms on a quiet machine.
 */
const CALIBRATIONS = 10
const MAX_ANSWER_BYTES = 5_000_000
/** A slice that is too long is measured again: another program, or the compiler of this one, may have lengthened it. */
const ATTEMPTS = 4

/** `npm run walk:inputs` walks all of them; `npm test` two of each route. */
const isWhole = process.env['LARGEST_INPUTS'] === 'all'

const server = useServer({ validateResponses: false })
const routes = declaredRoutes()
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })

let api: ApiUnderTest
let fixtures: Fixtures
/** Rows whose every field was filled as far as the routes let it be. */
let fullRows: FixtureRows
beforeAll(async () => {
  api = { url: server().url, tokens: server().tokens, sql: server().database.sql }
  fixtures = await createFixtures(api)
  fullRows = await createFixtureRows(fixtures)
})
afterAll(() => agent.destroy())

interface Sent {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Encoded
}

interface Received {
  readonly status: number
  readonly byteSize: number
  readonly isJson: boolean
}

/** Sends a request and only counts the answer, so that no slice is the reader's. */
const send = ({ method, path, headers, body }: Sent): Promise<Received> =>
  new Promise((resolve, reject) => {
    const content = body === undefined ? {} : { 'content-type': body.contentType, 'content-length': body.bytes.length }
    const options = { method: method.toUpperCase(), agent, headers: { ...headers, ...content } }
    const request = http.request(`${api.url}${path}`, options, (response) => {
      let byteSize = 0
      const isJson = response.headers['content-type']?.startsWith('application/json') ?? false
      response.on('data', (chunk: Buffer) => (byteSize += chunk.length))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, byteSize, isJson }))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body?.bytes)
  })

const agentRoutes = new Set(['agent.me', 'issue.claim', 'run.heartbeat'])

/** The strongest who may ask, so that as much as can be runs behind the guards. */
function strongestHeaders(route: Route, rows: FixtureRows): Readonly<Record<string, string>> {
  const name = agentRoutes.has(route.permission) ? 'run' : 'board'
  return personas.find((persona) => persona.name === name)?.headers(fixtures, rows) ?? {}
}

/** The faults of the answer to one input; nothing when all is well. The request is made anew for each attempt. */
async function faultsOf(name: string, request: () => Promise<Sent>): Promise<string[]> {
  const slices: string[] = []
  // The slower of the calibrations before and after an attempt counts: a machine may become busy between the two.
  let beforeMs = 0
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const sent = await request()
    if (attempt > 1) beforeMs = calibrate()
    const { value, sliceMs } = await measureSlices(() => send(sent))
    if (value.status >= 500 || value.status === 0) return [`${name}: ${value.status}`]
    if (value.isJson && value.byteSize > MAX_ANSWER_BYTES) return [`${name}: ${value.byteSize} bytes`]
    if (sliceMs < 50 && isQuick(sliceMs)) return []
    const calibrationMs = Math.max(beforeMs, calibrate())
    if (sliceMs <= CALIBRATIONS * calibrationMs) return []
    slices.push(`${sliceMs.toFixed(0)} ms (calibration ${calibrationMs.toFixed(1)} ms)`)
  }
  return [`${name}: keeps the event loop for ${slices.join(', ')}`]
}

let leastCalibrationMs = Infinity
/** Most slices are below the bound on any machine, so that most need no calibration beside them. */
function isQuick(sliceMs: number): boolean {
  if (leastCalibrationMs === Infinity) leastCalibrationMs = calibrate()
  return sliceMs < (CALIBRATIONS * leastCalibrationMs) / 2
}

/** A request with a large body, for rows that no other request has changed unless some are given. */
async function largeRequest(route: Route, { build }: LargeBody, givenRows?: FixtureRows): Promise<Sent> {
  const rows = givenRows ?? (await createFixtureRows(fixtures))
  const { path, body: example } = await buildRequest(api, route, rows)
  const body = await encodeBody(build(example as Record<string, unknown>))
  // A route that ends the company would end the test with it: its path names none.
  const target = endsCompany(route) ? pathOf(route, () => '00000000-0000-4000-8000-000000000000') : path
  return { method: route.method, path: target, headers: strongestHeaders(route, rows), body }
}

const writes = routes.filter(({ body, bodyKind }) => body !== undefined && bodyKind === 'json')
/** A body that becomes longest as JSON, and has the most values. */
const longestJson: Filling = { name: 'the longest JSON', text: '\u0001', value: () => hostileValues['many keys']?.(0) }

/** All large bodies of a route, or one: together the routes have every filling. */
const bodiesOf = (route: Route): LargeBody[] =>
  isWhole
    ? fillings.flatMap((filling) => largestBodies(route, filling))
    : largestBodies(route, fillings[writes.indexOf(route) % fillings.length] as Filling).slice(0, 1)

describe('the largest bodies', () => {
  test.each(namedRoutes(writes))(
    '%s answers its largest bodies without keeping the event loop (I22)',
    async (_, route) => {
      const faults: string[] = []
      for (const large of bodiesOf(route)) faults.push(...(await faultsOf(large.name, () => largeRequest(route, large))))
      expect(faults).toEqual([])
    },
    1_800_000,
  )
})

describe('the largest files', () => {
  test.each(namedRoutes(routes.filter(({ bodyKind }) => bodyKind === 'file')))(
    '%s answers its largest files without keeping the event loop (I22)',
    async (_, route) => {
      const faults: string[] = []
      for (const [name, form] of Object.entries(hostileFiles).filter((_file, index) => isWhole || index < 3)) {
        const body = await encodeBody(form(route.bodyLimit))
        const path = pathOf(route, rowIdIn(fullRows))
        faults.push(
          ...(await faultsOf(name, async () => ({ method: route.method, path, headers: strongestHeaders(route, fullRows), body }))),
        )
      }
      expect(faults).toEqual([])
    },
    60_000,
  )
})

/** Writes after which the rows would no longer be there or no longer take anything. */
const ends = /delete|terminate|quarantine|pause|archive|finish|cancel|release|import|rollback|reject|approve|request-revision|restore/i

describe('the largest rows', () => {
  beforeAll(async () => {
    for (const route of writes.filter(({ path, method }) => !ends.test(`${method} ${path}`)))
      for (const large of largestBodies(route, longestJson)) await send(await largeRequest(route, large, fullRows))
  }, 180_000)

  const reads = routes.filter((route) => route.method === 'get' && !isEndless(route))

  test.each(namedRoutes(reads))(
    '%s answers its largest query about the largest rows without keeping the event loop (I22)',
    async (_, route) => {
      const faults: string[] = []
      for (const [name, query] of Object.entries(fullQueries(route)).slice(0, isWhole ? Infinity : 2)) {
        const path = `${pathOf(route, rowIdIn(fullRows))}?${query}`
        faults.push(...(await faultsOf(name, async () => ({ method: 'get', path, headers: strongestHeaders(route, fullRows) }))))
      }
      expect(faults).toEqual([])
    },
    60_000,
  )
})
