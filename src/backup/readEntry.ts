import type { z } from 'zod'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { MAX_JSON_BYTES } from './format.ts'
import type { ArchiveEntry } from './archive.ts'

/** Reads an entry of JSON. @throws an error with a sentence for the operator when it is too large or not of this form */
export async function readJsonEntry<S extends z.ZodType>({ name, body }: ArchiveEntry, schema: S): Promise<z.output<S>> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    size += part.length
    if (size > MAX_JSON_BYTES)
      throw startProblem(`The backup has more than ${MAX_JSON_BYTES} bytes in ${name}: it is not one of this program`)
    parts.push(part)
  }
  let value: unknown
  try {
    value = JSON.parse(Buffer.concat(parts).toString('utf8'))
  } catch (error) {
    throw startProblem(`The backup cannot be read: ${name} is not JSON`, error)
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw startProblem(`The backup cannot be read: ${name} is not as this program writes it`, parsed.error)
  return parsed.data
}
