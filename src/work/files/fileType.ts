import { lookup } from 'mime-types'
import type { ReceivedFile } from '../../platform/kernel/content.ts'
import { isText } from '../../platform/kernel/content.ts'

const hasSignature = (bytes: Buffer, offset: number, signature: string): boolean =>
  bytes.subarray(offset, offset + signature.length).toString('latin1') === signature

/** Types that are recognised by their first bytes. A file is never of such a type by its name alone. */
const signatures: Readonly<Record<string, (bytes: Buffer) => boolean>> = {
  'image/png': (bytes) => hasSignature(bytes, 0, '\x89PNG\r\n\x1a\n'),
  'image/jpeg': (bytes) => hasSignature(bytes, 0, '\xff\xd8\xff'),
  'image/gif': (bytes) => hasSignature(bytes, 0, 'GIF87a') || hasSignature(bytes, 0, 'GIF89a'),
  'image/webp': (bytes) => hasSignature(bytes, 0, 'RIFF') && hasSignature(bytes, 8, 'WEBP'),
  'application/pdf': (bytes) => hasSignature(bytes, 0, '%PDF-'),
}

export const SVG = 'image/svg+xml'
const OCTETS = 'application/octet-stream'
const PLAIN = 'text/plain'

/** The type by the first bytes; null when they say nothing. */
export const typeBySignature = (bytes: Buffer): string | null =>
  Object.entries(signatures).find(([, isOfType]) => isOfType(bytes))?.[0] ?? null

/** A media type as it may stand in a header: clients declare what they like. */
const mediaType = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,60}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}$/
const isTextual = (type: string): boolean =>
  type.startsWith('text/') || /^application\/(?:json|xml|yaml|toml|sql|javascript|[\w.-]+\+(?:json|xml|yaml))$/.test(type) || type === SVG

/** The types that name and declaration say. The declared one goes behind, because clients declare as octets or plain text what they do not know; a text of a kind is one that they know. */
function claimedTypes({ name, declaredType }: ReceivedFile): string[] {
  const declared = declaredType.toLowerCase()
  const named = lookup(name ?? '') || ''
  const types = isTextual(declared) && declared !== PLAIN ? [declared, named] : [named, declared]
  return types.filter((type) => mediaType.test(type) && !(type in signatures))
}

/** Whether bytes are a text of one byte for a character: letters above ASCII, no control characters but white space. */
function isSingleByteText(bytes: Buffer): boolean {
  for (const byte of bytes) if ((byte < 0x20 && (byte < 0x09 || byte > 0x0d)) || byte === 0x7f) return false
  return true
}

/**
 * The type of a file, from its content first and from its name and its declared type after that. A text is only of the type of
 * a text, and everything else is never one; so a page cannot come as a picture, nor a picture as a page.
 * @returns with a charset for a text that is not UTF-8
 */
export function detectType(file: ReceivedFile): string {
  const { bytes } = file
  const bySignature = typeBySignature(bytes)
  if (bySignature !== null) return bySignature
  const claimed = claimedTypes(file)
  const textType = claimed.find(isTextual)
  if (isText(bytes)) return textType ?? PLAIN
  // Windows-1252 is what browsers read as latin1. JSON has no other charset than UTF-8.
  if (isSingleByteText(bytes)) return `${textType?.startsWith('text/') === true ? textType : PLAIN}; charset=windows-1252`
  return claimed.find((type) => !isTextual(type)) ?? OCTETS
}
