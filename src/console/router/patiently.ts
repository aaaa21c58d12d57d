import { BASE } from './location.ts'

/** After how long a part of the console is asked for again: together about half a minute, as a restart of the server takes. */
const PAUSES_MS = [500, 1000, 2000, 4000, 4000, 4000, 4000, 4000, 4000]

/** Whether the server answers. A part that it does not have then is one of another version of the console. */
const isServerThere = (): Promise<boolean> =>
  fetch(`${BASE}/icon.svg`, { method: 'HEAD', cache: 'no-store' }).then(
    ({ ok }) => ok,
    () => false,
  )

/**
 * Loads a part of the console. While the server starts again there is no answer, and the part is asked for again.
 * @throws the last error of the load when the server does not come back, or does not have the part
 */
export async function patiently<T>(load: () => Promise<T>): Promise<T> {
  for (const ms of PAUSES_MS) {
    try {
      return await load()
    } catch {
      if (await isServerThere()) break
      await new Promise((resolve) => setTimeout(resolve, ms))
    }
  }
  return await load()
}
