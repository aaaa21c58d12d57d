import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createRunTokens } from './access/runTokens.ts'
import { readConfig } from './config.ts'
import { openPool } from './db/client.ts'
import type { ConnectionOptions } from './db/client.ts'
import { startEmbedded } from './db/embedded/index.ts'
import { migrate } from './db/migrate.ts'
import { renderGenerated } from './docs/generated.ts'
import { createLog } from './kernel/log.ts'
import { startServer } from './server.ts'
import { declared } from './testing/declared.ts'
import { matrix, renderMatrix } from './testing/matrix.ts'

// `npm run docs`: writes doc/generated. The table of permissions is reviewed by hand, so it is measured and written only
// where there is none.

const folder = new URL('../doc/generated/', import.meta.url)
const SECRET = 'only for the server that this run starts and stops'

async function measurePermissions(home: string, connection: ConnectionOptions): Promise<string> {
  const read = readConfig({ PORT: '0', PAPERCLIP_HOME: home, PAPERCLIP_AGENT_JWT_SECRET: SECRET })
  if ('problems' in read) throw new Error(read.problems.join('\n'))
  const { jwtTtlSeconds: ttlSeconds, jwtIssuer: issuer, jwtAudience: audience } = read.config
  const tokens = await createRunTokens({ secret: SECRET, ttlSeconds, issuer, audience })
  const server = await startServer(read.config, connection, createLog('silent', false))
  const sql = openPool(connection)
  try {
    return renderMatrix(await matrix({ url: server.url, tokens, sql }, declared()))
  } finally {
    await sql.end()
    await server.stop()
  }
}

async function write(home: string): Promise<void> {
  const postgres = await startEmbedded({ home, durable: false })
  const pool = openPool({ ...postgres.connection, max: 1 })
  try {
    await migrate(pool)
    mkdirSync(folder, { recursive: true })
    for (const [name, text] of Object.entries(await renderGenerated(pool))) writeFileSync(new URL(name, folder), text)
    const permissions = new URL('permissions.md', folder)
    if (!existsSync(permissions)) writeFileSync(permissions, await measurePermissions(home, postgres.connection))
  } finally {
    await pool.end()
    await postgres.stop()
  }
}

const home = mkdtempSync(path.join(tmpdir(), 'paperclip-docs-'))
try {
  await write(home)
} finally {
  rmSync(home, { recursive: true, force: true })
}
