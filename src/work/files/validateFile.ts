import { refuse } from '../../platform/kernel/errors.ts'
import type { ReceivedFile } from '../../platform/kernel/content.ts'
import { isText } from '../../platform/kernel/content.ts'
import { truncate } from '../../platform/kernel/text.ts'
import { sanitizeSvg } from './sanitizeSvg.ts'

/** Longest name of a file that is kept, in characters: what file systems take, so that it can be saved under it again. */
const NAME_MAX = 200

/**
 * Longest drawing, in bytes. Reading one holds up everybody else on this server: the worst megabyte costs half a second, ten
 * of them would cost five.
 */
const SVG_MAX_BYTES = 1024 * 1024

const hasSignature = (bytes: Buffer, offset: number, signature: string): boolean =>
  bytes.subarray(offset, offset + signature.length).toString('latin1') === signature

/** What the first bytes of a type are. A type without any is text. */
const signatures: Readonly<Record<string, (bytes: Buffer) => boolean>> = {
  'image/png': (bytes) => hasSignature(bytes, 0, '\x89PNG\r\n\x1a\n'),
  'image/jpeg': (bytes) => hasSignature(bytes, 0, '\xff\xd8\xff'),
  'image/gif': (bytes) => hasSignature(bytes, 0, 'GIF87a') || hasSignature(bytes, 0, 'GIF89a'),
  'image/webp': (bytes) => hasSignature(bytes, 0, 'RIFF') && hasSignature(bytes, 8, 'WEBP'),
  'application/pdf': (bytes) => hasSignature(bytes, 0, '%PDF-'),
}

const SVG = 'image/svg+xml'
const bitmapTypes = ['image/png', 'image/jpeg', 'image/webp', 'image/gif']

/** What may hang on an issue. */
export const attachmentTypes: ReadonlySet<string> = new Set([
  ...bitmapTypes,
  'application/pdf',
  'text/markdown',
  'text/plain',
  'application/json',
  'text/csv',
  'text/html',
])

/** What a company may show itself with. */
export const imageTypes: ReadonlySet<string> = new Set([...bitmapTypes, SVG])

/** Names that mean another type of the list. */
const aliases: Readonly<Record<string, string>> = { 'image/jpg': 'image/jpeg' }

/** What is kept of a file. */
export interface ValidatedFile {
  readonly bytes: Buffer
  readonly contentType: string
  readonly name: string | null
}

/**
 * Decides what a file is: its declared type must be allowed, and its bytes must be of that type. A drawing is kept as it
 * is written anew from what is allowed in it.
 * @throws Refusal `file_type_unsupported`, `file_invalid`, `file_too_large` for a drawing
 */
export function validateFile(file: ReceivedFile, allowed: ReadonlySet<string>): ValidatedFile {
  const contentType = aliases[file.declaredType] ?? file.declaredType
  if (!allowed.has(contentType)) refuse('file_type_unsupported', { details: { allowed: [...allowed] } })
  const name = sanitizeFileName(file.name)
  const invalid = (): never => refuse('file_invalid', { details: { contentType } })
  if (contentType === SVG) {
    if (file.bytes.length > SVG_MAX_BYTES) refuse('file_too_large', { message: `A drawing exceeds ${SVG_MAX_BYTES} bytes` })
    return { bytes: isText(file.bytes) ? sanitizeSvg(file.bytes.toString('utf8')) : invalid(), contentType, name }
  }
  const isOfType = signatures[contentType] ?? isText
  return isOfType(file.bytes) ? { bytes: file.bytes, contentType, name } : invalid()
}

// Controls, marks that turn the direction of what follows, and what cannot be written at all; then what separates folders.
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd]/gu

/** The name of a file as it may be shown and saved under: no path, nothing that cannot be seen. Null when nothing is left. */
export function sanitizeFileName(name: string | null): string | null {
  const base = (name ?? '').split(/[/\\]/).at(-1) ?? ''
  const visibleName = truncate(base.replaceAll(unprintable, '').trim(), NAME_MAX)
  return visibleName === '' || visibleName === '.' || visibleName === '..' ? null : visibleName
}

/**
 * How a file is served. Text has been found to be UTF-8. A page is only to be saved: shown, it would be a page of this
 * API's origin.
 */
export const servingOptions = (contentType: string): { contentType: string; disposition: 'inline' | 'attachment' } => ({
  contentType: contentType.startsWith('text/') ? `${contentType}; charset=utf-8` : contentType,
  disposition: contentType === 'text/html' ? 'attachment' : 'inline',
})
