import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { assemblePackage } from '../dev/testing/assembledPackage.ts'
import { pollFor } from '../dev/testing/serverProcess.ts'
import { processesNaming } from '../dev/testing/processesNaming.ts'
import { memoryFolder } from '../dev/testing/workFolder.ts'

const root = path.resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

/** The bar is a hundred files at once, which takes two minutes and more on two busy cores. */
const FILES = isFullCheck ? 100 : 4
const TIMEOUT_MS = isFullCheck ? 900_000 : 120_000

let folder = ''
let project = ''
let temporary = ''

/** A copy of the example project, with the package and vitest and nothing else. */
beforeAll(async () => {
  folder = realpathSync(mkdtempSync(path.join(memoryFolder(), 'pcx-')))
  chmodSync(folder, 0o755)
  project = path.join(folder, 'agent-ci')
  temporary = path.join(folder, 'tmp')
  mkdirSync(temporary)
  cpSync(path.join(root, 'doc/examples/agent-ci'), project, { recursive: true })
  await assemblePackage(path.join(project, 'node_modules/paperclip-server'))
  symlinkSync(path.join(root, 'node_modules/vitest'), path.join(project, 'node_modules/vitest'))
  mkdirSync(path.join(project, 'node_modules/.bin'))
  symlinkSync('../vitest/vitest.mjs', path.join(project, 'node_modules/.bin/vitest'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: folder, TMPDIR: temporary, CI: 'true', NO_COLOR: '1' })

async function expectNothingLeft(): Promise<void> {
  await pollFor('no process is left', () => processesNaming(folder).length === 0)
  await pollFor('no folder is left', () => readdirSync(temporary).filter((name) => name.startsWith('paperclip-')).length === 0)
}

test('The example project is green with the package and vitest alone, and leaves nothing', async () => {
  const { stdout } = await run('npm', ['test'], { cwd: project, env: environment() })
  expect(stdout).toMatch(/# pass 4\n/)
  expect(stdout).toMatch(/# fail 0\n/)
  expect(stdout).toMatch(/Tests {2}2 passed \(2\)/)
  await expectNothingLeft()
})

const fileOf = (number: number, urls: string): string => `
import { appendFileSync } from 'node:fs'
import { test } from 'node:test'
import { createTestServer } from 'paperclip-server/testing'
test('A server of the file ${number} answers', async () => {
  const server = await createTestServer()
  appendFileSync(${JSON.stringify(urls)}, server.url + '\\n')
  const run = await server.run()
  const issue = await server.issue()
  await server.as(run).post('/api/issues/' + issue.id + '/checkout', { agentId: run.agentId, expectedStatuses: ['todo'] })
  await server.assertHeldBy(issue, run)
  ${number % 3 === 0 ? "process.kill(process.pid, 'SIGKILL')" : number % 3 === 1 ? 'await server.close()' : ''}
})
`

test(
  `Of ${FILES} test files in parallel each has a server, whether it closes it, forgets it or is killed, and no process, folder or port is left`,
  { timeout: TIMEOUT_MS },
  async () => {
    const files = path.join(project, 'parallel')
    const urls = path.join(folder, 'urls')
    mkdirSync(files)
    const names = Array.from({ length: FILES }, (_, number) => path.join(files, `file${number}.js`))
    for (const [number, name] of names.entries()) writeFileSync(name, fileOf(number, urls))
    const concurrency = `--test-concurrency=${FILES}`
    const { stdout } = (await run(process.execPath, ['--test', concurrency, ...names], { cwd: project, env: environment() }).catch(
      (error: unknown) => error,
    )) as { readonly stdout: string }
    const killed = Math.ceil(FILES / 3)
    expect(stdout).toContain(`# pass ${FILES - killed}\n`)
    expect(stdout).toContain(`# fail ${killed}\n`)
    await expectNothingLeft()
    const ports = readFileSync(urls, 'utf8').trim().split('\n')
    expect(new Set(ports).size).toBe(FILES)
    for (const url of ports) await expect(fetch(url)).rejects.toThrow('fetch failed')
  },
)
