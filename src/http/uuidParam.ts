import { z } from 'zod'
import { refuse } from '../platform/kernel/errors.ts'

const uuid = z.uuid()

/** A parameter of the path that must be a UUID, in lower case. @throws Refusal `malformed_id` */
export function uuidParam(params: Readonly<Record<string, string>>, name: string): string {
  const id = uuid.safeParse(params[name])
  return id.success ? id.data.toLowerCase() : refuse('malformed_id')
}
