import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { TestProject } from 'vitest/node'
import { startTestCluster } from '../../testing/host/cluster.ts'
import type { Login } from '../../testing/host/cluster.ts'
import { memoryFolder, packageFolder, readyHomeFolder, workFolder } from './workFolder.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The owner's login: it makes databases, arranges and looks. */
    cluster: Login
    /** The login that servers under test work with. */
    application: Login
  }
}

/** One Postgres for the whole run, with a migrated template that carries the tripwire and a clock of its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = mkdtempSync(path.join(memoryFolder(), 'paperclip-test-'))
  const tripwire = readFileSync(new URL('./tripwire.sql', import.meta.url), 'utf8')
  const cluster = await startTestCluster({ home, furtherSql: tripwire })
  project.provide('cluster', cluster.owner)
  project.provide('application', cluster.application)
  return async () => {
    await cluster.stop()
    for (const folder of [home, workFolder, readyHomeFolder, packageFolder]) rmSync(folder, { recursive: true, force: true })
  }
}
