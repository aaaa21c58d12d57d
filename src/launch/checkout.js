// The program of a checkout: the bundle of exactly these sources, else the sources themselves.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { bundleFile } from './bundle.js'
import { isConsoleMissing } from './consoleBuild.js'

/** @typedef {{ readonly server: () => Promise<unknown>, readonly command: () => Promise<unknown> }} Program */

// Node's debugger is on loopback, open to every account of the machine; `src/main.ts` says so in the log when it has one.
const refuseDebugger = () => {}

/**
 * The bundle and the console are made by a process of their own. The bundler leaves a process beside it, which would keep for as long as this server the
 * environment, with its secrets, and the descriptors that this server was started with.
 * @returns {Promise<string | null>} the bundle, or null where it cannot be made: the checkout is read-only, or its sources do not compile
 */
async function bundleOrNull() {
  const file = bundleFile()
  if (existsSync(file) && !isConsoleMissing()) return file
  const prepare = fileURLToPath(new URL('prepare.js', import.meta.url))
  await promisify(execFile)(process.execPath, [prepare], { env: { PATH: process.env.PATH } }).catch(() => {})
  return existsSync(file) ? file : null
}

/**
 * Says which package is missing, because that is what an update of the checkout without `npm ci` leaves.
 * @param {unknown} error of the import of the program
 */
function explain(error) {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
  const name = isMissing ? /Cannot find package '([^']+)'/.exec(error.message)?.[1] : undefined
  if (name === undefined) throw error
  process.stderr.write(`The package ${name} is not installed: run \`npm ci\` in the folder of paperclip-server, and start it again\n`)
  process.exitCode = 1
}

/**
 * Runs a part of the program: the server, or the command.
 * @param {keyof Program} part
 */
export async function runCheckout(part) {
  process.on('SIGUSR1', refuseDebugger)
  const bundle = await bundleOrNull()
  if (bundle === null) {
    const { register } = await import('tsx/esm/api')
    register()
    const source = new URL(part === 'server' ? '../main.ts' : '../cli/main.ts', import.meta.url)
    await import(source.href).catch(explain)
    return
  }
  // A worker is this file again (src/server/workers): not a newer bundle, which an update of the checkout has made meanwhile.
  process.argv[1] = bundle
  process.setSourceMapsEnabled(true)
  try {
    /** @type {Program} */
    const program = await import(pathToFileURL(bundle).href)
    await program[part]()
  } catch (error) {
    explain(error)
  }
}
