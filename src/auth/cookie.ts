import type { IncomingMessage } from 'node:http'

/**
 * The value of a cookie (RFC 6265 §5.4).
 * @returns null when the request does not have it; an empty text, which is no valid value, when it has it twice
 */
export function cookieOf(request: IncomingMessage, name: string): string | null {
  const header = request.headers.cookie
  if (header === undefined || !header.includes(name)) return null
  const values = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  return values.length > 1 ? '' : (values[0] ?? null)
}
