import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Request, Response } from 'express'
import fresh from 'fresh'
import { codingFor, varyOf } from './compress.ts'
import type { Coding } from './compress.ts'
import { apiHeaders } from './headers.ts'

// Quality 5 takes an eighth of a second for the API document, 11 six seconds.
const compressors: Readonly<Record<Coding, (text: string) => Promise<Buffer>>> = {
  br: (text) => promisify(brotliCompress)(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: (text) => promisify(gzip)(text),
}

interface FixedText {
  /** The hash of the text, of which the entity tags are made. */
  readonly hash: string
  readonly bodyIn: (coding: Coding | null) => Promise<Buffer>
}

function fixText(text: string): FixedText {
  const bodies = new Map<Coding | null, Promise<Buffer>>()
  return {
    hash: createHash('sha256').update(text).digest('hex').slice(0, 32),
    bodyIn(coding) {
      const body = bodies.get(coding) ?? (coding === null ? Promise.resolve(Buffer.from(text)) : compressors[coding](text))
      bodies.set(coding, body)
      return body
    },
  }
}

/**
 * A JSON text that is the same for the life of this build, such as the API document. Each coding of it is made once, with its own
 * strong entity tag; a cache may keep it, and asks again with the tag.
 * @param readText gives the text at the first request, and again when it has failed
 */
export function fixedJson(readText: () => Promise<string>): (request: Request, response: Response) => Promise<void> {
  let fixed: Promise<FixedText> | null = null
  const read = async (): Promise<FixedText> => {
    try {
      return fixText(await readText())
    } catch (error) {
      fixed = null
      throw error
    }
  }
  return async (request, response) => {
    const { hash, bodyIn } = await (fixed ??= read())
    const coding = codingFor(request)
    const etag = coding === null ? `"${hash}"` : `"${hash}-${coding}"`
    const headers = { ...apiHeaders, 'Cache-Control': 'no-cache', Vary: varyOf(response), ETag: etag }
    if (fresh({ 'if-none-match': request.headers['if-none-match'] }, { etag })) return void response.writeHead(304, headers).end()
    const body = await bodyIn(coding)
    const coded = coding === null ? {} : { 'Content-Encoding': coding }
    response
      .writeHead(200, { ...headers, ...coded, 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': String(body.length) })
      .end(body)
  }
}
