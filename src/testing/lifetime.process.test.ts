import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { assemblePackage } from '../dev/testing/assembledPackage.ts'
import { processesNaming } from '../dev/testing/processesNaming.ts'
import { canStartAsOrdinary, ordinaryAccount, pollFor } from '../dev/testing/serverProcess.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { memoryFolder } from '../dev/testing/workFolder.ts'

/** A test process that a test can kill: it makes a server, reports where, and goes on until it is killed or its input ends. */
const program = `
import { createTestServer } from './dist/testing.mjs'
const server = await createTestServer()
await server.issue()
console.log(JSON.stringify({ url: server.url }))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
`

/** The kit of the package: a test process and a host from the sources would be compiled at each start. */
let place = ''
beforeAll(async () => {
  place = mkdtempSync(path.join(tmpdir(), 'pck-'))
  chmodSync(place, 0o755)
  await assemblePackage(place)
  writeFileSync(path.join(place, 'child.mjs'), program)
})
afterAll(() => rmSync(place, { recursive: true, force: true }))

/** A folder for the files of hosts, so that a test sees its own. */
function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(memoryFolder(), 'pct-'))
  chmodSync(folder, 0o777)
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface Child {
  readonly process: ChildProcess
  readonly url: string
}

interface Account {
  readonly uid?: number
  readonly gid?: number
}

/** A test process. They share a host, because all of them are children of this process. */
async function startChild(folder: string, account: Account = {}): Promise<Child> {
  const child = spawn(process.execPath, [path.join(place, 'child.mjs')], {
    cwd: '/',
    env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder },
    stdio: ['pipe', 'pipe', 'inherit'],
    ...account,
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit').then(() => ['{}'])])) as [string]
  return { process: child, url: (JSON.parse(line) as { url?: string }).url ?? '' }
}

const isOpen = async (url: string): Promise<boolean> => (await fetch(`${url}/api/health`).catch(() => null)) !== null

/** The folders of hosts. */
const hostFolders = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('paperclip-'))

async function expectNothingLeft(folder: string, urls: readonly string[]): Promise<void> {
  await pollFor('no process is left', () => processesNaming(folder).length === 0)
  await pollFor('no file is left', () => hostFolders(folder).length === 0)
  for (const url of urls) expect(await isOpen(url)).toBe(false)
}

/** Leaves the locks of processes that were killed while they started a host. */
function plantDeadLocks(folder: string): void {
  const [inner = ''] = hostFolders(folder)
  // No process has this number.
  for (const name of ['1-a.lock', '2-b.lock']) writeFileSync(path.join(folder, inner, name), '2147483647')
}

const hostPid = (folder: string): number => {
  const [inner = ''] = hostFolders(folder)
  const pointer = readdirSync(path.join(folder, inner)).find((name) => /^\d+-[0-9a-f]+$/.test(name)) ?? ''
  return (JSON.parse(readFileSync(path.join(folder, inner, pointer), 'utf8')) as { pid: number }).pid
}

const [here, ordinary] = [['this account', {}] as const, ['an ordinary account', ordinaryAccount] as const]
/** The account that Postgres can have as well; a full check tries that of this process besides. */
const accounts: readonly (readonly [string, Account])[] = canStartAsOrdinary() ? (isFullCheck ? [ordinary, here] : [ordinary]) : [here]

test.each(accounts)(
  'Test processes of %s share a host, and nothing is left when one ends and the others are killed',
  async (_, account) => {
    const folder = temporaryFolder()
    const count = isFullCheck ? 8 : 3
    const children = await Promise.all(Array.from({ length: count }, () => startChild(folder, account)))
    expect(new Set(children.map(({ url }) => url)).size).toBe(count)
    expect(processesNaming(folder).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('testHost.mjs')).length).toBe(1)
    plantDeadLocks(folder)
    const [first, ...others] = children
    first?.process.stdin?.end()
    await pollFor('the server of the process that ended is gone', async () => !(await isOpen(first?.url ?? '')))
    for (const { url } of others) expect(await isOpen(url)).toBe(true)
    for (const { process: child } of others) child.kill('SIGKILL')
    await expectNothingLeft(
      folder,
      children.map(({ url }) => url),
    )
  },
)

test('Nothing is left when the host itself is killed, and a further test process starts another one', async () => {
  const folder = temporaryFolder()
  const child = await startChild(folder)
  process.kill(hostPid(folder), 'SIGKILL')
  await pollFor('the files of the host are gone', () => hostFolders(folder).length === 0)
  expect(await isOpen(child.url)).toBe(false)
  const next = await startChild(folder)
  expect(await isOpen(next.url)).toBe(true)
  for (const { process: each } of [child, next]) each.kill('SIGKILL')
  await expectNothingLeft(folder, [child.url, next.url])
})

test('A folder into which another account may write is refused', async () => {
  const folder = temporaryFolder()
  const uid = process.getuid?.() ?? 0
  mkdirSync(path.join(folder, `paperclip-testing-${uid}`))
  chmodSync(path.join(folder, `paperclip-testing-${uid}`), 0o777)
  expect((await startChild(folder)).url).toBe('')
  expect(existsSync(path.join(folder, `paperclip-testing-${uid}`))).toBe(true)
})
