import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { measureUnread } from '../testing/unreadCallers.ts'
import { startChild, startFlags, stopChild, thisCheckout } from './children.ts'

// `npm run bench -- --unread`: what 50 callers that ask for the largest answers and never read cost the server in memory.

/** Longer than a connection whose client takes nothing stays open, so that callers come again. */
const DURATION_MS = 60_000

/** Measures and prints the memory. */
export async function benchUnread(): Promise<void> {
  const home = mkdtempSync(path.join(tmpdir(), 'paperclip-bench-'))
  const env = { PAPERCLIP_HOME: path.join(home, 'server'), PORT: '0' }
  mkdirSync(env.PAPERCLIP_HOME)
  const child = await startChild({ checkout: thisCheckout, script: 'src/main.ts', env, flags: startFlags(thisCheckout) })
  try {
    const { beforeMb, peakMb } = await measureUnread(
      { url: `http://127.0.0.1:${child.port}`, pid: child.process.pid ?? 0 },
      Number(process.env['BENCH_SECONDS'] ?? DURATION_MS / 1000) * 1000,
    )
    process.stdout.write(`resident memory of the server: ${beforeMb.toFixed(0)} MB before, ${peakMb.toFixed(0)} MB at most, `)
    process.stdout.write(`${(peakMb - beforeMb).toFixed(0)} MB more with 50 callers that never read\n`)
  } finally {
    await stopChild(child)
    rmSync(home, { recursive: true, force: true })
  }
}
