import type { Request } from 'express'
import { z } from 'zod'
import type { RenderedResponse } from '../platform/db/types.ts'
import { invariant } from '../platform/kernel/errors.ts'
import { createTurns } from '../platform/kernel/turns.ts'
import { plainValue } from '../platform/kernel/jsonText.ts'
import { PAGE_BYTES, shortenPage } from '../platform/kernel/page.ts'
import type { Page } from '../platform/kernel/page.ts'
import { csvColumns, csvHeaders, csvLine, csvValues } from './csv.ts'
import type { IdentifiedExchange } from './exchange.ts'
import { project } from './projection.ts'
import type { Route } from './route.ts'

/** The `Link` header of a page that has a next page: the URL of the request with another cursor. */
function linkOf(request: Request, page: Page<unknown>): Record<string, string> {
  if (page.next === null) return {}
  const url = new URL(request.originalUrl, 'http://localhost')
  url.searchParams.set('after', page.next)
  // The cursor says where the next page begins; rows that were skipped before the first page are not skipped again.
  for (const counted of ['offset', 'page']) url.searchParams.delete(counted)
  return { Link: `<${url.pathname}${url.search}>; rel="next"` }
}

const pageSchemas = new WeakMap<Route, z.ZodType>()

function bodySchemaOf(route: Route): z.ZodType {
  if (!route.paged) return route.returns
  const schema = pageSchemas.get(route) ?? z.array(route.returns)
  pageSchemas.set(route, schema)
  return schema
}

interface FittedPage {
  readonly page: Page<unknown>
  /** The text of each of its items. */
  readonly parts: readonly string[]
  /** Of the texts, in UTF-8. */
  readonly bytes: number
}

/**
 * The texts of a page, which ends early when it would have more than `PAGE_BYTES`. The rows were loaded within that budget, but
 * their JSON is longer: it has names, and escapes.
 */
async function fitPage(page: Page<unknown>, textOf: (item: unknown) => string): Promise<FittedPage> {
  const turns = createTurns()
  const parts: string[] = []
  let bytes = 0
  for (const item of page.items) {
    const text = textOf(item)
    const withText = bytes + Buffer.byteLength(text)
    // With the brackets and commas.
    if (withText + parts.length + 2 > PAGE_BYTES && parts.length > 0) break
    bytes = withText
    parts.push(text)
    if (turns.isDue()) await turns.yieldIfDue()
  }
  return { page: shortenPage(page, parts.length), parts, bytes }
}

/** Breaks an invariant when responses are validated and the body differs from the declaration of the route. */
function requireDeclared({ deps, route }: IdentifiedExchange, body: unknown): void {
  if (!deps.validateResponses) return
  const checked = bodySchemaOf(route).safeParse(Array.isArray(body) ? body.map(plainValue) : plainValue(body))
  invariant(
    checked.success,
    `the answer of ${route.operationId} differs from its declaration: ${JSON.stringify(checked.error?.issues.slice(0, 3))}`,
  )
}

/** Turns the page that a handler returned into status, headers and body, in turns: a page may have thousands of rows. */
export async function renderPage(exchange: IdentifiedExchange, value: Page<unknown>): Promise<RenderedResponse> {
  const { route, request, projection } = exchange
  requireDeclared(exchange, value.items)
  const csv = csvOf(exchange)
  if (csv !== null) {
    const { page, parts } = await fitPage(value, csv.lineOf)
    return { status: route.status, headers: { ...linkOf(request, page), ...csv.headers }, body: csv.titles + parts.join('') }
  }
  const { page, parts, bytes } = await fitPage(value, (item) => project(item, projection).body)
  const body = `[${parts.join()}]`
  return { status: route.status, headers: linkOf(request, page), body, bytes: bytes + Math.max(1, parts.length) + 1 }
}

/** How the list is written as CSV; null where the request asks for JSON. Of the projection it has `fields`, which are its columns. */
function csvOf({ route, parameters, projection }: IdentifiedExchange) {
  if (route.csvFile === null || parameters['format'] !== 'csv') return null
  const columns = projection.fields ?? csvColumns(route.returns)
  return {
    headers: csvHeaders(route.csvFile),
    titles: csvLine(columns),
    lineOf: (item: unknown): string => csvLine(csvValues(plainValue(item), columns)),
  }
}

/** Turns the value that a handler returned into status, headers and body. */
export function renderResponse(exchange: IdentifiedExchange, value: unknown): RenderedResponse {
  const { route, projection } = exchange
  if (value === null && route.emptyAs204) return { status: 204, headers: {}, body: '' }
  requireDeclared(exchange, value)
  const csv = csvOf(exchange)
  if (csv !== null) return { status: route.status, headers: csv.headers, body: csv.titles + (value as unknown[]).map(csv.lineOf).join('') }
  const shown = project(value, projection)
  const headers = { ...route.headers?.(value), ...shown.headers }
  const status = route.altStatus?.when(value) === true ? route.altStatus.status : route.status
  return { status, headers, body: shown.body }
}
