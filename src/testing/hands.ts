import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { createAdapters } from '../adapters/index.ts'
import type { AdapterType } from '../adapters/index.ts'
import { createLog } from '../kernel/log.ts'
import { createHands } from '../scheduler/hands.ts'
import type { Hands } from '../scheduler/hands.ts'
import { startLoop } from '../scheduler/loop.ts'
import type { TestServer, TestAgent, World } from './world.ts'

interface HandsOptions {
  readonly maxRuns?: number
  readonly types?: readonly AdapterType[] | null
}

/** Gives a server of a test hands of its own, until the test is over or they are stopped. */
export function useHands(server: TestServer, { maxRuns = 16, types = null }: HandsOptions = {}): Hands {
  const log = createLog(process.env['TEST_LOG_LEVEL'] ?? 'silent', false)
  const adapters = createAdapters({
    environment: process.env,
    workFolder: tmpdir(),
    allowedTypes: types,
    allowedAddresses: ['127.0.0.1'],
  })
  const { store, tokens, url } = server
  const hands = createHands({ store, tokens, adapters, maxRuns, apiUrl: url, log })
  const loop = startLoop(hands.duties, log)
  const stop = async (): Promise<void> => {
    const resting = loop.stop()
    await hands.stop()
    await resting
  }
  onTestFinished(stop)
  return { ...hands, stop }
}

/** An agent that is a program of a few lines of JavaScript. */
export const programmed = (
  world: Pick<World, 'agent'>,
  script: string,
  fields: { maxConcurrentRuns?: number; graceSec?: number; env?: Record<string, string>; timeoutSec?: number } = {},
): Promise<TestAgent> => {
  const { maxConcurrentRuns, ...rest } = fields
  return world.agent({
    adapterType: 'process',
    adapterConfig: { command: process.execPath, args: ['-e', script], graceSec: 2, ...rest },
    ...(maxConcurrentRuns === undefined ? {} : { runtimeConfig: { heartbeat: { maxConcurrentRuns } } }),
  })
}

/** A file that programs write lines into, and their lines. */
export function notebook(): { readonly file: string; readonly lines: () => string[] } {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-notes-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'notes')
  return {
    file,
    lines() {
      try {
        return readFileSync(file, 'utf8').split('\n').filter(Boolean)
      } catch {
        return []
      }
    },
  }
}
