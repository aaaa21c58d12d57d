import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createRunTokens } from '../../auth/runTokens.ts'
import { readConfig } from '../../server/config.ts'
import { openPool } from '../../platform/db/driver/client.ts'
import type { ConnectionOptions } from '../../platform/db/driver/client.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import { migrate } from '../../platform/db/migrate.ts'
import { renderGenerated } from './generated.ts'
import { renderLintConfig } from './lintConfig.ts'
import { withMap } from './map.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { startServer } from '../../server/server.ts'
import { declaredRoutes } from '../testing/declaredRoutes.ts'
import { measureMatrix, renderMatrix } from '../testing/permissionMatrix.ts'

// `npm run docs`: writes doc/generated. The table of permissions is reviewed by hand, so it is measured and written only
// where there is none.

const folder = new URL('../../../doc/generated/', import.meta.url)
const SECRET = 'only for the server that this run starts and stops'

async function measurePermissions(home: string, connection: ConnectionOptions): Promise<string> {
  const result = readConfig({ PORT: '0', PAPERCLIP_HOME: home, PAPERCLIP_AGENT_JWT_SECRET: SECRET })
  if ('problems' in result) throw new Error(result.problems.join('\n'))
  const { jwtTtlSeconds: ttlSeconds, jwtIssuer: issuer, jwtAudience: audience } = result.config
  const tokens = await createRunTokens({ secret: SECRET, ttlSeconds, issuer, audience })
  const server = await startServer(result.config, connection, createLog('silent', false))
  const sql = openPool(connection)
  try {
    return renderMatrix(await measureMatrix({ url: server.url, tokens, sql }, declaredRoutes()))
  } finally {
    await sql.end()
    await server.stop()
  }
}

async function write(home: string): Promise<void> {
  const postgres = await startEmbedded({ home, durable: false })
  const pool = openPool({ ...postgres.ownerConnection, max: 1 })
  try {
    await migrate(pool)
    mkdirSync(folder, { recursive: true })
    for (const [name, text] of Object.entries(await renderGenerated(pool))) writeFileSync(new URL(name, folder), text)
    const permissions = new URL('permissions.md', folder)
    if (!existsSync(permissions)) writeFileSync(permissions, await measurePermissions(home, postgres.ownerConnection))
  } finally {
    await pool.end()
    await postgres.stop()
  }
}

const lintConfig = new URL('../../../.oxlintrc.json', import.meta.url)
writeFileSync(lintConfig, renderLintConfig(readFileSync(lintConfig, 'utf8')))
const architecture = new URL('../../../doc/ARCHITECTURE.md', import.meta.url)
writeFileSync(architecture, withMap(readFileSync(architecture, 'utf8')))

const home = mkdtempSync(path.join(tmpdir(), 'paperclip-docs-'))
try {
  await write(home)
} finally {
  rmSync(home, { recursive: true, force: true })
}
