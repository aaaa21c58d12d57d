/**
 * Does a piece of the task for each of several things. One that fails delays no other, and is tried again by the next turn of the task.
 * @returns the failures
 */
export async function forEachApart<T>(things: readonly T[], act: (thing: T) => Promise<unknown>): Promise<unknown[]> {
  const failures: unknown[] = []
  for (const thing of things) await act(thing).catch((error: unknown) => failures.push(error))
  return failures
}
