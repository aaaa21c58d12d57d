import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestProject } from 'vitest/node'
import { openPool } from '../../platform/db/driver/client.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import { migrate } from '../../platform/db/migrate.ts'
import { workFolder } from './workFolder.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: { host: string; port: number; user: string }
  }
}

/** The migrated database that every test file clones. */
export const TEMPLATE = 'paperclip_template'

/** One Postgres for the whole run, with a migrated template that carries the tripwire. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = mkdtempSync(path.join(tmpdir(), 'paperclip-test-'))
  const postgres = await startEmbedded({ home, durable: false })
  const { host, port, user } = postgres.connection
  const admin = openPool({ ...postgres.connection, max: 1 })
  await admin.query(`create database ${TEMPLATE}`)
  const template = openPool({ host, port, user, database: TEMPLATE, max: 1 })
  await migrate(template)
  await template.query(readFileSync(new URL('./tripwire.sql', import.meta.url), 'utf8'))
  await template.end()
  await admin.query(`alter database ${TEMPLATE} with is_template true allow_connections false`)
  await admin.end()
  project.provide('cluster', { host, port, user })
  return async () => {
    await postgres.stop()
    for (const folder of [home, workFolder]) rmSync(folder, { recursive: true, force: true })
  }
}
