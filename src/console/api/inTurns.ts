/**
 * Works on every item, on at most `width` of them at once, in their order.
 * @param mayGoOn asked before each item; when it says no, the items that are left are left alone
 */
export async function inTurns<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
  mayGoOn: () => boolean = () => true,
): Promise<void> {
  let at = 0
  const worker = async (): Promise<void> => {
    for (let item = items[at++]; item !== undefined && mayGoOn(); item = items[at++]) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
}
