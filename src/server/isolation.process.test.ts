import { spawnSync } from 'node:child_process'
import { chownSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { fillHome } from '../dev/testing/readyHome.ts'
import {
  canStartAsOrdinary,
  ordinaryAccount,
  pollFor,
  send,
  signalAll,
  startServerProcess,
  temporaryHome,
  withoutPrograms,
} from '../dev/testing/serverProcess.ts'

const SLOW_MS = 180_000
const isRoot = process.getuid?.() === 0

/** The processes of this host whose command line begins with a word. */
const processesNamed = (name: string): number[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith(name)
      } catch {
        return false
      }
    })

describe('The account that the operator names for agents', { timeout: SLOW_MS }, () => {
  test.runIf(isRoot).each([
    ['nobody', 'daemons of this host share it'],
    ['daemon', 'it runs the embedded Postgres of this server'],
    ['root', 'it is root'],
    ['no-such-account', 'this host has no such account'],
  ])('A start that names %s ends with a sentence before a database is made', async (user, why) => {
    const home = temporaryHome()
    const data = path.join(home, 'server', 'postgres')
    // The data of an earlier start belongs to the account under which Postgres then runs.
    mkdirSync(data, { recursive: true })
    chownSync(data, ordinaryAccount.uid, ordinaryAccount.gid)
    const server = startServerProcess({ home, env: { PAPERCLIP_AGENT_USER: user } })
    expect(await server.exited).toEqual({ code: 1, signal: null })
    const said = server.lines.map(({ msg }) => msg).join('\n')
    expect(said).toContain(`PAPERCLIP_AGENT_USER=${user} cannot run agents: ${why}`)
    expect(readdirSync(data)).toEqual([])
  })
})

interface Scene {
  readonly name: string
  readonly account?: typeof ordinaryAccount
  readonly hidden: readonly string[]
}
const hasBubblewrap = spawnSync('bwrap', ['--version']).status === 0
const scenes: readonly Scene[] = [
  ...(isRoot && hasBubblewrap ? [{ name: 'root, by bubblewrap', hidden: [] }] : []),
  ...(isRoot && (isFullCheck || !hasBubblewrap) ? [{ name: 'root, by unshare', hidden: ['bwrap'] }] : []),
  ...(canStartAsOrdinary()
    ? [
        ...(hasBubblewrap && isFullCheck ? [{ name: 'an ordinary account, by bubblewrap', account: ordinaryAccount, hidden: [] }] : []),
        { name: 'an ordinary account, by unshare', account: ordinaryAccount, hidden: ['bwrap'] },
      ]
    : []),
  ...(isRoot ? [] : [{ name: 'the account of the test', hidden: [] }]),
]

describe('The namespace of a run', { timeout: SLOW_MS }, () => {
  test.each(scenes)('Every process in it ends when the server of $name is killed', async ({ account, hidden }) => {
    const home = await fillHome(temporaryHome(), account)
    const server = startServerProcess({
      home,
      preload: withoutPrograms(...hidden),
      ...(account === undefined ? {} : { account }),
    })
    const url = `${await server.url()}/api`
    const stray = `stray-of-${crypto.randomUUID()}`
    onTestFinished(() => signalAll(processesNamed(stray), 'SIGKILL'))
    // A process in a session of its own with nothing in its environment: no group and no mark of the run leads to it.
    const script = `setsid env -i bash -c 'exec -a ${stray} sleep 6000' & exec -a ${stray} sleep 6000`
    const adapterConfig = { command: 'bash', args: ['-c', script] }
    const { body: company } = await send(`${url}/companies`, 'POST', { name: 'Namespaces' })
    const agent = { name: 'Stray', adapterType: 'process', adapterConfig }
    const { body: created } = await send(`${url}/companies/${company.id}/agents`, 'POST', agent)
    const { body: run } = await send(`${url}/agents/${created.id}/heartbeat/invoke`, 'POST', {})
    await pollFor('both processes work', () => processesNamed(stray).length === 2)
    const way = hidden.length === 0 ? 'in a namespace by bubblewrap' : 'in a namespace by unshare'
    await pollFor(`the run is ${way}`, async () =>
      JSON.stringify((await send(`${url}/heartbeat-runs/${run.id}/events`)).body).includes(way),
    )
    await server.kill()
    await pollFor('no process of the run is left', () => processesNamed(stray).length === 0)
  })
})

interface Kind {
  readonly name: string
  readonly account?: typeof ordinaryAccount
  readonly env?: Readonly<Record<string, string>>
}
const kinds: readonly Kind[] = [
  { name: 'the isolation that is found here' },
  ...(canStartAsOrdinary()
    ? [
        ...(isFullCheck ? [{ name: 'the isolation of an ordinary account', account: ordinaryAccount }] : []),
        { name: 'no isolation', account: ordinaryAccount, env: { PAPERCLIP_AGENT_ISOLATION: 'none' } },
      ]
    : []),
]

describe('The open files that a server inherited', { timeout: SLOW_MS }, () => {
  test.each(kinds)('None of them but the standard streams reaches a run, with $name', async ({ account, env = {} }) => {
    const home = await fillHome(temporaryHome(), account)
    const secret = openSync('/etc/hostname', 'r')
    onTestFinished(() => closeSync(secret))
    // 251 lies behind a gap, where Node itself does not look.
    const server = startServerProcess({ home, env, inherited: { 7: secret, 251: secret }, ...(account === undefined ? {} : { account }) })
    const url = `${await server.url()}/api`
    const adapterConfig = { command: 'sh', args: ['-c', 'echo listed: /proc/$$/fd/*; echo also >&2'] }
    const { body: company } = await send(`${url}/companies`, 'POST', { name: 'Descriptors' })
    const agent = { name: 'Lister', adapterType: 'process', adapterConfig }
    const { body: created } = await send(`${url}/companies/${company.id}/agents`, 'POST', agent)
    const { body: run } = await send(`${url}/agents/${created.id}/heartbeat/invoke`, 'POST', {})
    const listed = await pollFor('the run lists its open files', async () => {
      const text = JSON.stringify((await send(`${url}/heartbeat-runs/${run.id}/log`)).body)
      return text.includes('also') ? /listed:([^\\"]*)/.exec(text)?.[1] : null
    })
    // The fourth is the folder itself, which the shell reads.
    expect(listed.match(/(?<=fd\/)\d+/g)).toEqual(['0', '1', '2', '3'])
    expect(readdirSync(`/proc/${server.pid}/fd`)).not.toContain('251')
  })
})
