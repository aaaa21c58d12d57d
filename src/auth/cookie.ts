import type { IncomingMessage } from 'node:http'

const isBlank = (letter: string | undefined): boolean => letter === ' ' || letter === '\t'

/**
 * The value of a cookie (RFC 6265 §5.4).
 * @returns null when the request does not have it; an empty text, which is no valid value, when it has it twice
 */
export function cookieOf(request: IncomingMessage, name: string): string | null {
  const header = request.headers.cookie ?? ''
  const begin = `${name}=`
  if (!header.includes(begin)) return null
  let value: string | null = null
  for (let start = 0; start < header.length;) {
    const semicolon = header.indexOf(';', start)
    const end = semicolon === -1 ? header.length : semicolon
    while (isBlank(header[start])) start += 1
    if (header.startsWith(begin, start)) {
      if (value !== null) return ''
      value = header.slice(start + begin.length, end).trimEnd()
    }
    start = end + 1
  }
  return value
}
