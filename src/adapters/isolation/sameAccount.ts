// Whether a sign-in that an agent's tool has refreshed may replace the operator's: it has the same form, and every field that says
// whose it is, or where it is used, has the same value. Signatures are not verified, and tokens without such a field say nothing.
import { decodeJwt } from 'jose'

/** A sign-in is flat. More levels would only take the stack. */
const MAX_DEPTH = 16

/** Fields that say whose a sign-in is, without the marks between words. */
const OWNER =
  /^(?:chatgpt|github|google|openai|claude|cursor)?(?:sub|subject|user|username|login|email|emailaddress|mail|account|profile|organi[sz]ation|org|workspace|tenant|team|project|customer|principal)s?(?:id|uuid|name|slug|login|email)?$/
/** Fields that name something when they stand below one of the former. */
const NAME = /^(?:id|uuid|name|slug)$/
/** Fields that say to whom a tool sends the sign-in, and keys that nothing refreshes. An added one is a change. */
const PLACE =
  /(?:url|uri|host|endpoint|domain|server|authority|issuer|apikey|accesskey|clientid|clientsecret)$|^(?:iss|hd|key|type|provider|authmode)$/
/** The expression takes long for long texts. */
const MAX_EMAIL = 320
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/
const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '')

/** The claims of a token that has some; null for every other text. */
function claimsOf(text: string): unknown {
  if (!JWT.test(text)) return null
  try {
    return decodeJwt(text)
  } catch {
    return null
  }
}

/** The fields of a sign-in that have to stay, by their path. */
interface Fixed {
  readonly owners: Map<string, unknown>
  readonly places: Map<string, unknown>
}

function collect(value: unknown, path: readonly string[], fixed: Fixed): void {
  if (path.length > MAX_DEPTH) throw new Error('too deep')
  if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) collect(inner, [...path, name], fixed)
    return
  }
  const names = path.filter((name) => !/^\d+$/.test(name)).map(plain)
  const [name = '', above = ''] = names.toReversed()
  const key = JSON.stringify(path)
  if (PLACE.test(name)) fixed.places.set(key, value)
  else if (OWNER.test(name) || (NAME.test(name) && OWNER.test(above))) fixed.owners.set(key, value)
  if (typeof value !== 'string') return
  if (value.length <= MAX_EMAIL && EMAIL.test(value)) fixed.owners.set(key, value)
  const claims = claimsOf(value)
  if (claims !== null) collect(claims, [...path, 'claims of the token'], fixed)
}

function fixedOf(value: object): Fixed {
  const fixed = { owners: new Map<string, unknown>(), places: new Map<string, unknown>() }
  collect(value, [], fixed)
  return fixed
}

const keeps = (before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): boolean =>
  [...before].every(([key, value]) => after.has(key) && after.get(key) === value)

function parseObject(text: string): object | null {
  const value: unknown = JSON.parse(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
}

/** The text without the spaces outside of strings. */
const compact = (text: string): string => text.trim().replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, quoted: string | undefined) => quoted ?? '')

/** A file that names a field twice is read differently by different tools, and no tool writes one. */
const namesEachFieldOnce = (text: string, value: object): boolean => JSON.stringify(value) === compact(text)

/** Whether a refreshed sign-in is of the account of the stored one. */
export function isOfSameAccount(stored: string, refreshed: string): boolean {
  try {
    const [before, after] = [parseObject(stored), parseObject(refreshed)]
    if (before === null || after === null || !namesEachFieldOnce(refreshed, after)) return false
    const names = (value: object): string => JSON.stringify(Object.keys(value).toSorted())
    if (names(before) !== names(after)) return false
    const [was, is] = [fixedOf(before), fixedOf(after)]
    return keeps(was.owners, is.owners) && keeps(was.places, is.places) && keeps(is.places, was.places)
  } catch {
    // No JSON, or deeper than any sign-in.
    return false
  }
}
