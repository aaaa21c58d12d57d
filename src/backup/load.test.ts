import { Writable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { CopyIn } from '../platform/db/driver/maintenance.ts'
import { createLoader } from './load.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** A copy into nothing, as a session has it. */
const copyIntoNothing = (write: (done: (error?: Error) => void) => void): CopyIn =>
  Object.assign(
    new Writable({
      write: (_chunk, _encoding, done) => write(done),
    }),
    { rowCount: 1 },
  )

const table = { name: 'a', columns: ['b'] }

test('The portions of a table leave nothing in memory when they are written', async () => {
  const loader = createLoader({ copyIn: () => copyIntoNothing((done) => void setImmediate(done)) })
  const part = Buffer.from('1\n')
  const write = async (portions: number): Promise<number> => {
    for (let at = 0; at < portions; at += 1) await loader.write(table, part)
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = await write(2000)
  const after = await write(60_000)
  await loader.end()
  expect(loader.rows).toEqual(new Map([['a', 1]]))
  // A listener for each portion takes several hundred bytes of it.
  expect(after - before).toBeLessThan(60_000 * 50)
})

test('A portion that waits when the connection is lost fails, and so do those behind it', async () => {
  const copy = copyIntoNothing(() => {})
  const loader = createLoader({ copyIn: () => copy })
  const waiting = loader.write(table, Buffer.from('1\n'))
  waiting.catch(() => {})
  await new Promise((resolve) => void setImmediate(resolve))
  copy.destroy(new Error('the connection was lost'))
  await expect(waiting).rejects.toThrow(/connection was lost/)
  await expect(loader.write(table, Buffer.from('2\n'))).rejects.toThrow(/connection was lost/)
})
