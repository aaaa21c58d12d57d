import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The arguments of Node that run the host: the compiled program of an installed package, or the sources of a checkout. */
export function hostProgram(): readonly string[] {
  const source = path.join(root, 'src/testing/host/main.ts')
  if (!existsSync(source)) return [path.join(root, 'dist/testHost.mjs')]
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  return ['--import', tsx, source]
}
