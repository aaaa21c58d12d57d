import type { RequestListener } from 'node:http'
import { apiHeaders } from '../../http/headers.ts'

/** Readers must not use the file after this time (RFC 9116 §2.5.5); it is counted from each answer. */
const VALID_MS = 30 * 86_400_000

/** The text of `/.well-known/security.txt` (RFC 9116). */
export function securityText(contact: string | null, nowMs: number): string {
  const contactLine =
    contact === null
      ? '# The operator of this server has set no contact (PAPERCLIP_SECURITY_CONTACT). SECURITY.md of the software says how to report a fault of it.'
      : `Contact: ${contact}`
  return `${contactLine}\nExpires: ${new Date(nowMs + VALID_MS).toISOString()}\nPreferred-Languages: en\n`
}

/**
 * Answers `GET /.well-known/security.txt`.
 * @param contact a `mailto:` or `https:` URL of the operator
 */
export function securityTextPage(contact: string | null): RequestListener {
  return (_request, response) => {
    const text = securityText(contact, Date.now())
    response.writeHead(200, { ...apiHeaders, 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': Buffer.byteLength(text) })
    response.end(text)
  }
}
