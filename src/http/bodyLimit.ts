import { z } from 'zod'

/** 256 KB: four times the longest text of most routes. */
const BODY_LIMIT = 256 * 1024

/** Any character may be written as `\\uXXXX` in JSON, and a character of UTF-8 has at most as many bytes. */
const BYTES_PER_CHARACTER = 6

/** Room for the other fields of a body with a long text. */
const OTHER_FIELDS_BYTES = 64 * 1024

/** The characters of the longest text that a schema allows, in whatever part of it; texts without a limit of their own do not count. */
function longestText(schema: unknown): number {
  if (typeof schema !== 'object' || schema === null) return 0
  const own = 'maxLength' in schema && typeof schema.maxLength === 'number' ? schema.maxLength : 0
  return Object.values(schema).reduce<number>((longest, part) => Math.max(longest, longestText(part)), own)
}

/** The bytes that a JSON body may have: the longest text that the schema allows fits, in every script and however it is escaped (`cases.md` K57). */
export function bodyLimitOf(body: z.ZodType | undefined): number {
  if (body === undefined) return BODY_LIMIT
  const longest = longestText(z.toJSONSchema(body, { io: 'input', unrepresentable: 'any', reused: 'inline' }))
  return Math.max(BODY_LIMIT, longest * BYTES_PER_CHARACTER + OTHER_FIELDS_BYTES)
}
