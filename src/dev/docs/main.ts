import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openPool } from '../../platform/db/driver/client.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import { migrate } from '../../platform/db/migrate.ts'
import { renderCommands } from './commandPage.ts'
import { renderConfiguration } from './configurationPage.ts'
import { renderGenerated } from './generated.ts'
import { renderLintConfig } from './lintConfig.ts'
import { withMap } from './map.ts'
import { declaredRoutes } from '../testing/declaredRoutes.ts'
import { completeTable, doorsOf, parseTable } from '../testing/permissionMatrix.ts'

// `npm run docs`: writes doc/generated and doc/COMMANDS.md. The table of permissions is reviewed by hand: it gets a row for each new route, and keeps its cells.

const folder = new URL('../../../doc/generated/', import.meta.url)

async function write(home: string): Promise<void> {
  const postgres = await startEmbedded({ home, durable: false })
  const pool = openPool({ ...postgres.ownerConnection, max: 1 })
  try {
    await migrate(pool)
    mkdirSync(folder, { recursive: true })
    for (const [name, text] of Object.entries(await renderGenerated(pool))) writeFileSync(new URL(name, folder), text)
    const permissions = new URL('permissions.md', folder)
    const rows = parseTable(existsSync(permissions) ? readFileSync(permissions, 'utf8') : '')
    writeFileSync(permissions, completeTable(doorsOf(declaredRoutes()), rows))
  } finally {
    await pool.end()
    await postgres.stop()
  }
}

const lintConfig = new URL('../../../.oxlintrc.json', import.meta.url)
writeFileSync(lintConfig, renderLintConfig(readFileSync(lintConfig, 'utf8')))
const architecture = new URL('../../../doc/ARCHITECTURE.md', import.meta.url)
writeFileSync(architecture, withMap(readFileSync(architecture, 'utf8')))

writeFileSync(new URL('../../../doc/COMMANDS.md', import.meta.url), renderCommands())
writeFileSync(new URL('../../../doc/CONFIGURATION.md', import.meta.url), renderConfiguration())

const home = mkdtempSync(path.join(tmpdir(), 'paperclip-docs-'))
try {
  await write(home)
} finally {
  rmSync(home, { recursive: true, force: true })
}
