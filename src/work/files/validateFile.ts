import { createHash } from 'node:crypto'
import { refuse } from '../../platform/kernel/errors.ts'
import type { ReceivedFile } from '../../platform/kernel/content.ts'
import { isText } from '../../platform/kernel/content.ts'
import { truncate } from '../../platform/kernel/text.ts'
import { detectType, SVG, typeBySignature } from './fileType.ts'
import { sanitizeSvg } from './sanitizeSvg.ts'

/** Longest stored file name, in characters. File systems accept it, so the file can be saved under its name again. */
const NAME_MAX = 200

/**
 * Longest drawing, in bytes. Reading a drawing blocks all other requests of this server: the slowest megabyte takes half a
 * second, ten of them would take five.
 */
const SVG_MAX_BYTES = 1024 * 1024

const bitmapTypes = ['image/png', 'image/jpeg', 'image/webp', 'image/gif']

/** Types of images that a company may use as its logo or in its texts. */
const imageTypes: ReadonlySet<string> = new Set([...bitmapTypes, SVG])

/** A file that may be stored. */
export interface ValidatedFile {
  readonly bytes: Buffer
  /** Of these bytes, in hex digits. */
  readonly sha256: string
  readonly contentType: string
  readonly name: string | null
}

/** A file for an issue: of any type, which its content and its name decide. It is kept as it was sent. */
export const acceptFile = (file: ReceivedFile): ValidatedFile => ({
  bytes: file.bytes,
  sha256: file.sha256,
  contentType: detectType(file),
  name: sanitizeFileName(file.name),
})

/**
 * Checks an image of a company. Its content decides its type; a drawing is recognised by its declared type or its name, and is
 * replaced by a sanitized copy.
 * @throws Refusal `file_type_unsupported`, `file_invalid` for a file that is declared as an image and is none, `file_too_large` for a drawing
 */
export function validateImage(file: ReceivedFile): ValidatedFile {
  const name = sanitizeFileName(file.name)
  const contentType = typeBySignature(file.bytes)
  if (contentType !== null && bitmapTypes.includes(contentType)) return { bytes: file.bytes, sha256: file.sha256, contentType, name }
  const isDrawing = file.declaredType === SVG || (name ?? '').toLowerCase().endsWith('.svg')
  if (!isDrawing && file.declaredType.startsWith('image/') && imageTypes.has(file.declaredType))
    refuse('file_invalid', { details: { contentType: file.declaredType } })
  if (!isDrawing) refuse('file_type_unsupported', { details: { allowed: [...imageTypes] } })
  if (file.bytes.length > SVG_MAX_BYTES) refuse('file_too_large', { message: `A drawing exceeds ${SVG_MAX_BYTES} bytes` })
  if (!isText(file.bytes)) refuse('file_invalid', { details: { contentType: SVG } })
  const bytes = sanitizeSvg(file.bytes.toString('utf8'))
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), contentType: SVG, name }
}

// Control characters, marks that change the direction of text, unpaired surrogates, and invisible characters.
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd]/gu

/** The name of a file without path and invisible characters. Null when nothing remains. */
export function sanitizeFileName(name: string | null): string | null {
  const base = (name ?? '').split(/[/\\]/).at(-1) ?? ''
  const visibleName = truncate(base.replaceAll(unprintable, '').trim(), NAME_MAX)
  return visibleName === '' || visibleName === '.' || visibleName === '..' ? null : visibleName
}

/** Types that a browser may show: it runs nothing of them. SVG is one only as an image of a company, whose drawings are written anew. */
const shownTypes = new Set([...bitmapTypes, 'application/pdf', 'text/plain', 'text/markdown', 'text/csv', 'application/json'])

/**
 * The content type and disposition of a served file. Text without another charset is UTF-8. A file that is not surely harmless may
 * only be saved: a browser would show a page as a page of this API's origin.
 * @param isImage of a company, whose drawings are sanitized
 */
export function servingOptions(contentType: string, isImage: boolean): { contentType: string; disposition: 'inline' | 'attachment' } {
  const [type = ''] = contentType.split(';')
  return {
    contentType: type.startsWith('text/') && type === contentType ? `${contentType}; charset=utf-8` : contentType,
    disposition: shownTypes.has(type) || (isImage && type === SVG) ? 'inline' : 'attachment',
  }
}
