import { createHash } from 'node:crypto'
import { refuse } from '../../platform/kernel/errors.ts'
import type { ReceivedFile } from '../../platform/kernel/content.ts'
import { isText } from '../../platform/kernel/content.ts'
import { truncate } from '../../platform/kernel/text.ts'
import { sanitizeSvg } from './sanitizeSvg.ts'

/** Longest stored file name, in characters. File systems accept it, so the file can be saved under its name again. */
const NAME_MAX = 200

/**
 * Longest drawing, in bytes. Reading a drawing blocks all other requests of this server: the slowest megabyte takes half a
 * second, ten of them would take five.
 */
const SVG_MAX_BYTES = 1024 * 1024

const hasSignature = (bytes: Buffer, offset: number, signature: string): boolean =>
  bytes.subarray(offset, offset + signature.length).toString('latin1') === signature

/** Checks the first bytes of a file, by type. A type that is not listed is text. */
const signatures: Readonly<Record<string, (bytes: Buffer) => boolean>> = {
  'image/png': (bytes) => hasSignature(bytes, 0, '\x89PNG\r\n\x1a\n'),
  'image/jpeg': (bytes) => hasSignature(bytes, 0, '\xff\xd8\xff'),
  'image/gif': (bytes) => hasSignature(bytes, 0, 'GIF87a') || hasSignature(bytes, 0, 'GIF89a'),
  'image/webp': (bytes) => hasSignature(bytes, 0, 'RIFF') && hasSignature(bytes, 8, 'WEBP'),
  'application/pdf': (bytes) => hasSignature(bytes, 0, '%PDF-'),
}

const SVG = 'image/svg+xml'
const bitmapTypes = ['image/png', 'image/jpeg', 'image/webp', 'image/gif']

/** Types of files that may be attached to an issue. */
export const attachmentTypes: ReadonlySet<string> = new Set([
  ...bitmapTypes,
  'application/pdf',
  'text/markdown',
  'text/plain',
  'application/json',
  'text/csv',
  'text/html',
])

/** Types of images that a company may use as its logo or in its texts. */
export const imageTypes: ReadonlySet<string> = new Set([...bitmapTypes, SVG])

/** Names that mean another type of the list. */
const aliases: Readonly<Record<string, string>> = { 'image/jpg': 'image/jpeg' }

/** A file that may be stored. */
export interface ValidatedFile {
  readonly bytes: Buffer
  /** Of these bytes, in hex digits. */
  readonly sha256: string
  readonly contentType: string
  readonly name: string | null
}

/**
 * Checks an uploaded file: its declared type must be allowed, and its bytes must be of that type. A drawing is replaced by
 * a sanitized copy.
 * @throws Refusal `file_type_unsupported`, `file_invalid`, `file_too_large` for a drawing
 */
export function validateFile(file: ReceivedFile, allowed: ReadonlySet<string>): ValidatedFile {
  const contentType = aliases[file.declaredType] ?? file.declaredType
  if (!allowed.has(contentType)) refuse('file_type_unsupported', { details: { allowed: [...allowed] } })
  const name = sanitizeFileName(file.name)
  const invalid = (): never => refuse('file_invalid', { details: { contentType } })
  if (contentType === SVG) {
    if (file.bytes.length > SVG_MAX_BYTES) refuse('file_too_large', { message: `A drawing exceeds ${SVG_MAX_BYTES} bytes` })
    const bytes = isText(file.bytes) ? sanitizeSvg(file.bytes.toString('utf8')) : invalid()
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex'), contentType, name }
  }
  const isOfType = signatures[contentType] ?? isText
  return isOfType(file.bytes) ? { bytes: file.bytes, sha256: file.sha256, contentType, name } : invalid()
}

// Control characters, marks that change the direction of text, unpaired surrogates, and invisible characters.
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd]/gu

/** The name of a file without path and invisible characters. Null when nothing remains. */
export function sanitizeFileName(name: string | null): string | null {
  const base = (name ?? '').split(/[/\\]/).at(-1) ?? ''
  const visibleName = truncate(base.replaceAll(unprintable, '').trim(), NAME_MAX)
  return visibleName === '' || visibleName === '.' || visibleName === '..' ? null : visibleName
}

/**
 * The content type and disposition of a served file. All stored text is valid UTF-8. An HTML file may only be saved,
 * because a browser would show it as a page of this API's origin.
 */
export const servingOptions = (contentType: string): { contentType: string; disposition: 'inline' | 'attachment' } => ({
  contentType: contentType.startsWith('text/') ? `${contentType}; charset=utf-8` : contentType,
  disposition: contentType === 'text/html' ? 'attachment' : 'inline',
})
