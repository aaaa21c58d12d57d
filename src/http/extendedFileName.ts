import { Dicer } from '@fastify/busboy'
import { decodeExtended } from 'content-disposition'

/** `filename*` of a part, as RFC 5987 has it: charset, language, bytes in percent. */
const extended = /;\s*filename\*\s*=\s*([\w-]{1,20}'[\w-]{0,20}'[^\s;",]{1,4000})\s*(?:;|$)/i
/** Quoted values: what looks like a parameter inside of one is none. */
const quotedValue = /"(?:[^"\\]|\\.)*"/g
const boundaryOf = /;\s*boundary=(?:"([^"]+)"|([^\s;",]+))/i
const nameOf = /;\s*name\s*=\s*(?:"([^"]*)"|([^\s;"]+))/i

/** Reads the `filename*` of the file of a form, which the form parser does not. */
export interface FileNameReader {
  readonly write: (chunk: Buffer) => void
  /** The name; null when the file has no such parameter, or one that cannot be decoded. */
  readonly name: () => string | null
}

/**
 * Begins to read. It sees the form up to the header of its file and no byte behind it.
 * @param contentType of the form
 * @param field the name of the part that is the file
 */
export function createFileNameReader(contentType: string, field: string): FileNameReader {
  const [, quoted, bare = ''] = boundaryOf.exec(contentType) ?? []
  const dicer = new Dicer({ boundary: quoted ?? bare, maxHeaderPairs: 16 })
  let name: string | null = null
  let isFound = false
  dicer.on('part', (part) => {
    part.on('header', (header: object) => {
      const [disposition = ''] = (header as Readonly<Record<string, string[] | undefined>>)['content-disposition'] ?? []
      const [, inQuotes, word] = nameOf.exec(disposition) ?? []
      if ((inQuotes ?? word) !== field) return
      isFound = true
      name = decodeExtended(extended.exec(disposition.replaceAll(quotedValue, '""'))?.[1] ?? '') ?? null
    })
    part.on('error', () => (isFound = true))
    part.resume()
  })
  // The form parser reports each fault.
  dicer.on('error', () => (isFound = true))
  return {
    write: (chunk) => {
      if (!isFound) dicer.write(chunk)
    },
    name: () => name,
  }
}
