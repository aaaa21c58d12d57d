import { execFile } from 'node:child_process'
import { chmodSync, chownSync } from 'node:fs'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { canStartAsOrdinary, ordinaryAccount, tsx, withoutPrograms } from '../../dev/testing/serverProcess.ts'
import type { IsolationKind, NamespaceTool } from './isolation.ts'
import type { ProbeOptions } from './probe.ts'
import { isRoot, temporaryFolder, workingWays } from './testKit.ts'

type Outcome = { readonly kind: IsolationKind; readonly tool: NamespaceTool['name'] | null } | { readonly problem: string }

const probeFile = new URL('probe.ts', import.meta.url).href
const run = promisify(execFile)

/** The result of the probe of a server under an account. Hidden programs are as on a host without them. */
async function probeAs(account: typeof ordinaryAccount | null, options: Partial<ProbeOptions>, hidden: string[] = []): Promise<Outcome> {
  const home = temporaryFolder()
  chmodSync(home, 0o700)
  if (account !== null) chownSync(home, account.uid, account.gid)
  const given = JSON.stringify({ mode: 'auto', user: null, ...options, home })
  const script = `const { probeIsolation } = await import(${JSON.stringify(probeFile)})
    const found = await probeIsolation(${given}).then(({ kind, tool }) => ({ kind, tool: tool?.name ?? null }), (error) => ({ problem: error.message }))
    process.stdout.write(JSON.stringify(found))`
  const preload = `data:text/javascript,${encodeURIComponent(withoutPrograms(...hidden))}`
  const args = ['--import', tsx, '--import', preload, '--input-type=module', '-e', script]
  const { stdout } = await run(process.execPath, args, { cwd: '/', ...account, env: { PATH: process.env['PATH'], HOME: home } })
  return JSON.parse(stdout) as Outcome
}

const ways = await workingWays()
const tool = ways[0]?.name ?? null
const noTool = ['bwrap', 'unshare']

describe('The isolation that an operator asks for', () => {
  test.runIf(isRoot && tool !== null)('A server that is root has accounts, with a namespace where a tool can make one', async () => {
    for (const mode of ['auto', 'account', 'namespace'] as const) expect(await probeAs(null, { mode })).toEqual({ kind: 'account', tool })
    expect(await probeAs(null, { mode: 'account' }, noTool)).toEqual({ kind: 'account', tool: null })
    expect(await probeAs(null, { mode: 'namespace' }, noTool)).toEqual({
      problem: expect.stringMatching(/^PAPERCLIP_AGENT_ISOLATION=namespace does not work here: .*bubblewrap is not installed/),
    })
    expect(await probeAs(null, { mode: 'none' })).toEqual({ kind: 'none', tool: null })
  })

  test.runIf(canStartAsOrdinary() && tool !== null)('A server of an ordinary account has namespaces, and no accounts', async () => {
    for (const mode of ['auto', 'namespace'] as const) expect(await probeAs(ordinaryAccount, { mode })).toEqual({ kind: 'namespace', tool })
    expect(await probeAs(ordinaryAccount, { mode: 'auto' }, noTool)).toEqual({ kind: 'none', tool: null })
    expect(await probeAs(ordinaryAccount, { mode: 'account' })).toEqual({
      problem: expect.stringContaining('PAPERCLIP_AGENT_ISOLATION=account does not work here: only a server that runs as root'),
    })
    expect(await probeAs(ordinaryAccount, { user: 'daemon' })).toEqual({
      problem: expect.stringContaining('needs a server that runs as root'),
    })
  })

  test.runIf(isRoot)('An account that is named is used, or the sentence says why agents cannot have it', async () => {
    expect(await probeAs(null, { user: 'daemon' })).toMatchObject({ kind: 'account' })
    const problemOf = async (options: Partial<ProbeOptions>) => await probeAs(null, options)
    const reserved = [{ uid: 1, why: 'it runs the embedded Postgres of this server' }]
    for (const [user, why] of [
      ['root', 'it is root'],
      ['0', 'it is root'],
      ['no-such-account', 'this host has no such account'],
      ['4294967295', 'this host has no such account'],
      ['daemon', 'it runs the embedded Postgres of this server'],
      ['1', 'it runs the embedded Postgres of this server'],
    ] as const)
      expect(await problemOf({ user, reserved })).toEqual({
        problem: expect.stringMatching(new RegExp(`^PAPERCLIP_AGENT_USER=${user} cannot run agents: ${why}\\. Name another account`)),
      })
    expect(await problemOf({ user: 'daemon', mode: 'none' })).toEqual({ problem: expect.stringContaining('contradicts') })
  })
})
