import { readFile } from 'node:fs/promises'
import { openapi } from '../openapi.ts'
import type { Route } from '../route.ts'

/** Written by `npm run docs`, and compared with the routes by a test. */
const GENERATED = new URL('../../../doc/generated/openapi.json', import.meta.url)

/**
 * The API document as compact JSON. To make it costs a third of a second of processor time, which a start and the first reader need not
 * pay: it stands in the checkout. An image without `doc` makes it.
 * @param version of this program, which the document shows
 * @throws when the file is there and is not JSON
 */
export async function apiDocument(routes: readonly Route[], version: string): Promise<string> {
  const text = await readFile(GENERATED, 'utf8').catch(() => null)
  if (text === null) return JSON.stringify(openapi(routes, version))
  const document = JSON.parse(text) as { readonly info: object }
  return JSON.stringify({ ...document, info: { ...document.info, version } })
}
