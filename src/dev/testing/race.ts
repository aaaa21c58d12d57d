/**
 * Calls them all at once and waits for every one. They are released together, after all have been prepared.
 * @returns the results in the order of the callers
 */
export async function race<T, R>(callers: readonly T[], act: (caller: T, index: number) => Promise<R>): Promise<R[]> {
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const results = callers.map(async (caller, index) => {
    await gate
    return await act(caller, index)
  })
  release()
  return await Promise.all(results)
}

/** How many of each status there are, for a comparison that shows the difference. */
export function countByStatus(answers: readonly { readonly status: number }[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
