import { spawn } from 'node:child_process'
import { once } from 'node:events'

// `npm run check:static`: every check that needs no server, two at a time, for a machine of two cores. Each shows what it says when it has ended.

/** The scripts of package.json, in two lanes that take about as long as each other. Types and lint have threads of their own. */
const lanes = [
  ['types', 'lint'],
  ['api', 'unused', 'format:check'],
] as const

/** Runs a script. @returns its name, when it failed */
async function run(name: string): Promise<string[]> {
  const beganAt = performance.now()
  const child = spawn('npm', ['run', '--silent', name], { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  const seconds = ((performance.now() - beganAt) / 1000).toFixed(0)
  process.stdout.write(`${Buffer.concat(said).toString('utf8')}${name}: ${code === 0 ? 'passed' : 'FAILED'} in ${seconds} s\n`)
  return code === 0 ? [] : [name]
}

const runLane = async (names: readonly string[]): Promise<string[]> => {
  const failed: string[] = []
  for (const name of names) failed.push(...(await run(name)))
  return failed
}

const failed = (await Promise.all(lanes.map(runLane))).flat()
if (failed.length > 0) {
  process.stderr.write(`These checks failed: ${failed.join(', ')}\n`)
  process.exitCode = 1
}
