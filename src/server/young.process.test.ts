// A request leaves nothing in memory that lasts until a full collection.

import { expect, test } from 'vitest'
import { exchange } from '../dev/testing/exchange.ts'
import { fillHome } from '../dev/testing/readyHome.ts'
import { send, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'

const CALLERS = 8
/** V8 decides what it allocates where within the first collections. */
const WARM_UP_COLLECTIONS = 10
const COLLECTIONS = 20
/** It was 0.02 to 0.05 when requests left nothing, and 0.1 to 0.4 where dead objects of the old generation referred to the next ones. */
const MAX_SURVIVING_SHARE = 0.08

/** Lets V8 write a line for each collection. */
const traceCollections = `
  import v8 from 'node:v8'
  for (const option of ['--max-semi-space-size=4', '--no-parallel-scavenge', '--trace-gc', '--trace-gc-nvp']) v8.setFlagsFromString(option)
`

interface Collection {
  readonly allocated: number
  readonly survived: number
}

test('A collection of the young generation keeps none of the requests that have been answered', { timeout: 180_000 }, async () => {
  const server = startServerProcess({ home: await fillHome(temporaryHome()), preload: traceCollections })
  const url = await server.url()
  const company = (await send(`${url}/api/companies`, 'POST', { name: 'Young Works' })).body as { id: string }
  const issue = (await send(`${url}/api/companies/${company.id}/issues`, 'POST', { title: 'What is to be done' })).body as { id: string }
  // The server writes a line for each request, too, so that each line is read once.
  const found: Collection[] = []
  let linesRead = 0
  const collections = (): readonly Collection[] => {
    for (; linesRead < server.lines.length; linesRead += 1) {
      const { msg = '' } = server.lines[linesRead] ?? {}
      const [, allocated, survived] = / gc=s .* allocated=(\d+) .* new_space_survived=(\d+) /.exec(msg) ?? []
      if (allocated !== undefined) found.push({ allocated: Number(allocated), survived: Number(survived) })
    }
    return found
  }
  const before = collections().length
  const ask = async (path: string): Promise<void> => {
    while (collections().length < before + WARM_UP_COLLECTIONS + COLLECTIONS) {
      expect((await exchange(`${url}${path}`, { method: 'GET', headers: {}, bytes: null })).status).toBe(200)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, () => ask(`/api/issues/${issue.id}`)))
  const measured = collections().slice(before + WARM_UP_COLLECTIONS)
  const sumOf = (part: keyof Collection): number => measured.reduce((sum, collection) => sum + collection[part], 0)
  expect(sumOf('survived') / sumOf('allocated')).toBeLessThan(MAX_SURVIVING_SHARE)
})
