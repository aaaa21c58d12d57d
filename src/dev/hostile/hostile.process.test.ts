import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { isFullCheck } from '../testing/fullCheck.ts'
import { canStartAsOrdinary, ordinaryAccount, pollFor, withoutPrograms } from '../testing/serverProcess.ts'
import { linesOf, logOf, setStage, startHostileRun, uploadImage } from './stage.ts'
import type { Attack, Stage, StageOptions } from './stage.ts'
import { isInTime, isLate } from '../testing/slowness.ts'

/** Every attack, the stall and the stray process take their time. */
const RUN_MS = 240_000
/** While an agent stalls, the board and other companies are answered within this time. */
const SERVED_MS = 2_000
const END_MS = 5_000

/** Attacks that SECURITY.md says cannot be refused where agents share the account of the server without a namespace. */
const openUnderSharedAccount: ReadonlySet<string> = new Set([
  'a grandchild in a new session with an empty environment is the board',
  'it reads a file of the home',
  'it lists the home',
  'it reads the environment of the server',
  'it opens the memory of the server',
  'it signals the server',
  'it opens the database as the superuser',
  'it writes into the program of the server',
  'it reads the folder of a peer',
  'it finds the token of another run',
  'it keeps capabilities or can gain privileges',
])

/** Attacks on the process of the server. Without isolation each of them works. */
const attacksOnTheProcess = ['it reads the environment of the server', 'it signals the server']

/** Asserts that an agent which sees every process has found the server, so that its attacks on processes were made. */
function expectServerFound({ plan }: Stage, attacks: readonly Attack[]): void {
  for (const name of attacksOnTheProcess) {
    const found = attacks.find(({ attack }) => attack === name)?.note.split(' ')
    expect(found, name).toContain(String(plan['serverPid']))
  }
}

/** The files that the hostile agent has left in folders that are not its own; they are removed. */
function takeLeftFiles({ plan }: Stage, runId: string): string[] {
  const left = [plan['program'], plan['operatorHome'], plan['home']].map((folder) => path.join(String(folder), `hostile-${runId}`))
  return left.filter((file) => {
    const isThere = existsSync(file)
    rmSync(file, { force: true })
    return isThere
  })
}

/** The attacks that isolation answers by itself; they take no time. */
const attacksOnIsolation = [
  'it reads a file of the home',
  'it lists the home',
  'it reads the environment of the server',
  'it signals the server',
  'it opens the database as the superuser',
  'it reads the folder of a peer',
  'it finds the token of another run',
  'it keeps capabilities or can gain privileges',
]
const hosts: (StageOptions & { readonly name: string; readonly isShared: boolean })[] = [
  { name: 'root with unshare only', isShared: false, preload: withoutPrograms('bwrap') },
  { name: 'root with neither tool', isShared: false, preload: withoutPrograms('bwrap', 'unshare') },
  { name: 'an ordinary account with unshare only', isShared: false, account: ordinaryAccount, preload: withoutPrograms('bwrap') },
  { name: 'an ordinary account with neither tool', isShared: true, account: ordinaryAccount, preload: withoutPrograms('bwrap', 'unshare') },
]
/** `HOSTILE_HOSTS=all` makes every attack on each of these hosts; a full check those on isolation. */
const isWhole = process.env['HOSTILE_HOSTS'] === 'all'
const triesHosts = isWhole || isFullCheck

/** Attacks on what agents know of each other: an agent that may hire is shown the configuration of others. */
const attacksOfAnOrdinaryAgent = ['it reads what a peer executes', 'it creates an agent', 'it raises its permissions']

const strayPids = (): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('hostile-stray')
    } catch {
      return false
    }
  })

/** The run's end, and every line that it printed. */
async function outcomeOf(stage: Stage, runId: string): Promise<{ status: string; lines: Record<string, unknown>[] }> {
  const { status } = await waitForEnd(stage, runId)
  return { status, lines: linesOf(await logOf(stage, runId)) }
}

async function waitForEnd({ board }: Stage, runId: string): Promise<{ status: string }> {
  const deadline = performance.now() + RUN_MS
  for (;;) {
    const ended = await pollFor('the run ends', async () => {
      const { body } = await board('GET', `/api/heartbeat-runs/${runId}`)
      return ['queued', 'running'].includes(body.status) ? null : (body as { status: string })
    }).catch(() => null)
    if (ended !== null) return ended
    if (performance.now() > deadline) throw new Error('the hostile run does not end')
  }
}

/** Asserts that the board and another company are served while the agent stalls. */
async function expectOthersServed(stage: Stage): Promise<void> {
  const { board, otherCompanyId } = stage
  const issue = await board('POST', `/api/companies/${otherCompanyId}/issues`, { title: 'Meanwhile', status: 'todo' })
  expect(issue).toMatchObject({ status: 201 })
  for (const target of ['/api/health', `/api/companies/${otherCompanyId}/issues`, `/api/companies/${stage.companyId}/locks`]) {
    const { status, ms } = await board('GET', target)
    expect({ target, status, isInTime: isInTime(ms, SERVED_MS) }).toEqual({ target, status: 200, isInTime: true })
  }
  expect((await uploadImage(stage, otherCompanyId)).status).toBe(201)
}

const hostileCases: (StageOptions & { readonly name: string; readonly isShared: boolean; readonly skip?: boolean })[] = [
  { name: 'under the account of the test', isShared: false },
  { name: 'under an ordinary account', isShared: false, account: ordinaryAccount, skip: !canStartAsOrdinary() },
  {
    name: 'under an ordinary account without isolation',
    isShared: true,
    account: ordinaryAccount,
    env: { PAPERCLIP_AGENT_ISOLATION: 'none' },
    skip: !canStartAsOrdinary(),
  },
]

describe('a hostile agent', { timeout: 2 * RUN_MS }, () => {
  for (const { name, isShared, skip = false, ...options } of hostileCases) {
    test.skipIf(skip)(`No attack works on a server that runs ${name}, except those that SECURITY.md lists`, async () => {
      const stage = await setStage(options)
      const runId = await startHostileRun(stage, {})
      const { lines, status } = await outcomeOf(stage, runId)
      const left = takeLeftFiles(stage, runId)
      expect(isShared ? [] : left).toEqual([])
      const second = await outcomeOf(stage, await startHostileRun(stage, { only: attacksOfAnOrdinaryAgent }, 'Trudy'))
      const attacks = [...lines.filter(({ attack }) => attack !== 'it reads what a peer executes'), ...second.lines].filter(
        (line) => 'attack' in line,
      ) as unknown as Attack[]
      const worked = attacks.filter(({ attack, worked: didWork }) => didWork && !(isShared && openUnderSharedAccount.has(attack)))
      expect(worked).toEqual([])
      if (isShared) expectServerFound(stage, attacks)
      expect({ status, isComplete: attacks.length > 35 }).toEqual({ status: 'succeeded', isComplete: true })
      const companies = await stage.board('GET', '/api/companies')
      expect(companies.body.map((company: { name: string }) => company.name).toSorted()).toEqual(['Other', 'Stage'])
      expect((await stage.board('GET', `/api/agents/${stage.peerId}`)).body).toMatchObject({ role: 'engineer', reportsTo: null })
      expect((await stage.board('GET', `/api/issues/${stage.peerIssueId}`)).body).toMatchObject({
        status: 'in_progress',
        assigneeAgentId: stage.peerId,
        executionRunId: stage.plan['peerRun'],
      })
    })
  }

  test.skipIf(!triesHosts || !canStartAsOrdinary()).each(hosts)(
    'A server of $name keeps its files, processes and tokens from an agent as SECURITY.md says',
    async ({ name, isShared, ...options }) => {
      const stage = await setStage(options)
      const { lines, status } = await outcomeOf(stage, await startHostileRun(stage, isWhole ? {} : { only: attacksOnIsolation }))
      const attacks = lines.filter((line) => 'attack' in line) as unknown as Attack[]
      if (isWhole) process.stdout.write(`${JSON.stringify({ name, worked: attacks.filter(({ worked }) => worked) })}\n`)
      const mayWork = (attack: string): boolean =>
        attack === 'it reads what a peer executes' || (isShared && openUnderSharedAccount.has(attack))
      expect(attacks.filter(({ attack, worked }) => worked && !mayWork(attack))).toEqual([])
      expect({ status, isComplete: attacks.length >= (isWhole ? 35 : attacksOnIsolation.length) }).toEqual({
        status: 'succeeded',
        isComplete: true,
      })
      if (isShared) expectServerFound(stage, attacks)
      // Where neither tool can be had, the start says it.
      const { body: health } = await stage.board('GET', '/api/health')
      expect(JSON.stringify(health)).toContain(isShared ? '"none"' : options.account === undefined ? '"account"' : '"namespace"')
    },
  )

  test('While two agents stall with uploads, streams, idle connections and unread lists, the board and other companies are served', async () => {
    const stage = await setStage({})
    const runIds = [
      await startHostileRun(stage, { only: [], stall: true }),
      await startHostileRun(stage, { only: [], stall: true }, 'Trudy'),
    ]
    for (const runId of runIds)
      await pollFor('the agent stalls', async () => linesOf(await logOf(stage, runId)).some((line) => 'stalling' in line))
    await expectOthersServed(stage)
    for (const runId of runIds) {
      expect((await stage.board('GET', `/api/heartbeat-runs/${runId}`)).body).toMatchObject({ status: 'running' })
      expect((await stage.board('POST', `/api/heartbeat-runs/${runId}/cancel`)).status).toBe(200)
    }
    for (const runId of runIds) expect((await outcomeOf(stage, runId)).status).toBe('cancelled')
  })

  test('A process that leaves its session and its environment ends with its run and changes nothing', async () => {
    const stage = await setStage({})
    const { status, lines } = await outcomeOf(stage, await startHostileRun(stage, { only: [], stray: true }))
    expect({ status, lines }).toEqual({ status: 'succeeded', lines: [{ stray: true }] })
    const beganAt = performance.now()
    await pollFor('no stray process is left', () => strayPids().length === 0 || isLate(beganAt, END_MS))
    expect(strayPids()).toEqual([])
    expect((await stage.board('GET', '/api/companies')).body).toHaveLength(2)
  })
})
