import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'

interface InstallOptions {
  /** Optional dependencies are installed as well: programs for this platform, which a client does not need and a server does. */
  readonly optional?: boolean
}

/** Installs a package of the registry in its own folder, without running build scripts. @returns the folder of its executables */
export function install(name: string, folder: string, { optional = false }: InstallOptions = {}): string {
  process.stdout.write(`installing ${name}\n`)
  mkdirSync(folder, { recursive: true })
  const installFlags = ['--ignore-scripts', ...(optional ? [] : ['--omit=optional']), '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', '--prefix', folder, ...installFlags, name], { stdio: ['ignore', 'ignore', 'inherit'] })
  return path.join(folder, 'node_modules/.bin')
}
