import type { Asserts } from './asserts.ts'

/** The server from which an object came, so that a matcher needs no more than the object. */
const owners = new WeakMap<object, Asserts>()

/** Remembers from which server an object came, and the objects of a list. */
export function noteServer(value: unknown, asserts: Asserts): void {
  if (typeof value !== 'object' || value === null) return
  owners.set(value, asserts)
  for (const part of Array.isArray(value) ? value : Object.values(value))
    if (typeof part === 'object' && part !== null) owners.set(part, asserts)
}

/** The assertions of the server from which an object came. @throws TypeError when no server of the kit made it */
export function assertsOf(value: unknown): Asserts {
  const found = typeof value === 'object' && value !== null ? owners.get(value) : undefined
  if (found === undefined)
    throw new TypeError(
      'This value came from no test server: give an object that the kit or a client of it answered, or use server.assertHeldBy(id, …)',
    )
  return found
}
