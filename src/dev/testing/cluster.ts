import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestProject } from 'vitest/node'
import { openPool } from '../../platform/db/driver/client.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import { migrate } from '../../platform/db/migrate.ts'
import { workFolder } from './workFolder.ts'

interface Login {
  host: string
  port: number
  user: string
  password: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** The owner's login: it makes databases, arranges and looks. */
    cluster: Login
    /** The login that servers under test work with. */
    application: Login
  }
}

/** The migrated database that every test file clones. */
export const TEMPLATE = 'paperclip_template'

/** One Postgres for the whole run, with a migrated template that carries the tripwire and a clock of its own. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = mkdtempSync(path.join(tmpdir(), 'paperclip-test-'))
  const postgres = await startEmbedded({ home, durable: false })
  const { database: _, ...owner } = postgres.ownerConnection
  const { database: __, ...application } = postgres.connection
  const admin = openPool({ ...postgres.ownerConnection, max: 1 })
  await admin.query(`create database ${TEMPLATE}`)
  // A session has the search path of its login, and a login of this cluster serves only tests.
  for (const { user } of [owner, application]) await admin.query(`alter role "${user}" set search_path = public, clock, pg_catalog`)
  const template = openPool({ ...owner, database: TEMPLATE, max: 1 })
  await template.query(readFileSync(new URL('./clock.sql', import.meta.url), 'utf8'))
  await migrate(template, application.user)
  await template.query(readFileSync(new URL('./tripwire.sql', import.meta.url), 'utf8'))
  await template.end()
  await admin.query(`alter database ${TEMPLATE} with is_template true allow_connections false`)
  await admin.end()
  project.provide('cluster', owner)
  project.provide('application', application)
  return async () => {
    await postgres.stop()
    for (const folder of [home, workFolder]) rmSync(folder, { recursive: true, force: true })
  }
}
