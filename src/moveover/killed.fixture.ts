// A move in a process of its own, for the test that kills it. It prints each part that it begins.

import { openPool } from '../platform/db/driver/client.ts'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { createStore } from '../platform/db/store.ts'
import { moveOver } from './index.ts'

const { from, target } = JSON.parse(process.argv[2] ?? '') as { from: string; target: ConnectionOptions }
const pool = openPool(target, 'custom', { readOnlyByDefault: true })
await moveOver({
  from,
  store: createStore(pool),
  companies: null,
  isApplied: true,
  activate: false,
  onProgress: (sentence) => void process.stdout.write(`${sentence}\n`),
})
await pool.end()
process.stdout.write('whole\n')
