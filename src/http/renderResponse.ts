import type { Request } from 'express'
import { z } from 'zod'
import type { RenderedResponse } from '../platform/db/types.ts'
import { invariant } from '../platform/kernel/errors.ts'
import { PAGE_BYTES, shortenPage } from '../platform/kernel/page.ts'
import type { Page } from '../platform/kernel/page.ts'
import type { IdentifiedExchange } from './exchange.ts'
import { project } from './projection.ts'
import type { ProjectedBody, Projection } from './projection.ts'
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

/**
 * The JSON of a page, which ends early when it would have more than `PAGE_BYTES`. The rows were loaded within that budget, but
 * their JSON is longer: it has names, and escapes.
 */
function fitPage(page: Page<unknown>, projection: Projection): ProjectedBody & { readonly page: Page<unknown> } {
  const whole = project(page.items, projection)
  // A character of JavaScript has at most three bytes, so most pages need not be measured.
  if (whole.body.length * 3 <= PAGE_BYTES || Buffer.byteLength(whole.body) <= PAGE_BYTES) return { page, ...whole }
  const bytesOf = (item: unknown): number => Buffer.byteLength(project([item], projection).body) - 1
  let [count, bytes] = [0, 1]
  for (const item of page.items) {
    bytes += bytesOf(item)
    if (bytes > PAGE_BYTES && count > 0) break
    count += 1
  }
  const shortened = shortenPage(page, count)
  return { page: shortened, ...project(shortened.items, projection) }
}

/**
 * Turns the value that a handler returned into status, headers and body. Breaks an invariant when responses are
 * validated and the value differs from the declaration of the route.
 */
export function renderResponse({ deps, route, request, projection }: IdentifiedExchange, value: unknown): RenderedResponse {
  if (value === null && route.emptyAs204) return { status: 204, headers: {}, body: '' }
  const body = route.paged ? (value as Page<unknown>).items : value
  if (deps.validateResponses) {
    const checked = bodySchemaOf(route).safeParse(body)
    invariant(
      checked.success,
      `the answer of ${route.operationId} differs from its declaration: ${JSON.stringify(checked.error?.issues.slice(0, 3))}`,
    )
  }
  const shown = route.paged ? fitPage(value as Page<unknown>, projection) : { page: null, ...project(body, projection) }
  const headers = {
    ...(shown.page === null ? {} : linkOf(request, shown.page)),
    ...route.headers?.(value),
    ...shown.headers,
  }
  const status = route.altStatus?.when(value) === true ? route.altStatus.status : route.status
  return { status, headers, body: shown.body }
}
