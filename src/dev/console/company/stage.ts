// A server as an operator has it, with the filled company, for the pictures and the measurements: its own process and database.

import { openPool } from '../../../platform/db/driver/client.ts'
import type { Pool } from '../../../platform/db/driver/client.ts'
import { embeddedOwnerOf, makeHome, removeHome, spawnServerProcess } from '../../testing/serverProcess.ts'
import { fillCompany } from './fill.ts'
import type { FilledCompany } from './fill.ts'

/** The running server. */
export interface Stage {
  readonly url: string
  readonly sql: Pool
  readonly company: FilledCompany
  readonly stop: () => Promise<void>
}

/** Starts the server in a temporary home, and fills it. */
export async function openStage(): Promise<Stage> {
  const home = makeHome()
  const server = spawnServerProcess({ home })
  // A server that does not come up in time would go on without this process.
  const url = await server.url().catch(async (error: unknown) => {
    await server.kill()
    await removeHome(home)
    throw error
  })
  const sql = openPool({ ...embeddedOwnerOf(server.home), max: 2 })
  const stop = async (): Promise<void> => {
    await sql.end()
    await server.stop()
    await removeHome(home)
  }
  try {
    return { url, sql, company: await fillCompany({ url, sql }), stop }
  } catch (error) {
    await stop()
    throw error
  }
}
