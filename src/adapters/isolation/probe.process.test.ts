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

/** The results of probes of a server under an account, one for each of the options. Hidden programs are as on a host without them. */
async function probeAs(
  account: typeof ordinaryAccount | null,
  asked: readonly Partial<ProbeOptions>[],
  hidden: string[] = [],
): Promise<Outcome[]> {
  const home = temporaryFolder()
  chmodSync(home, 0o700)
  if (account !== null) chownSync(home, account.uid, account.gid)
  const given = JSON.stringify(asked.map((options) => ({ mode: 'auto', user: null, ...options, home })))
  const script = `const { probeIsolation } = await import(${JSON.stringify(probeFile)})
    const found = []
    for (const options of ${given})
      found.push(await probeIsolation(options).then(({ kind, tool }) => ({ kind, tool: tool?.name ?? null }), (error) => ({ problem: error.message })))
    process.stdout.write(JSON.stringify(found))`
  const preload = `data:text/javascript,${encodeURIComponent(withoutPrograms(...hidden))}`
  const args = ['--import', tsx, '--import', preload, '--input-type=module', '-e', script]
  const { stdout } = await run(process.execPath, args, { cwd: '/', ...account, env: { PATH: process.env['PATH'], HOME: home } })
  return JSON.parse(stdout) as Outcome[]
}

const ways = await workingWays()
const tool = ways[0]?.name ?? null
const noTool = ['bwrap', 'unshare']

describe('The isolation that an operator asks for', () => {
  test.runIf(isRoot && tool !== null)('A server that is root has accounts, with a namespace where a tool can make one', async () => {
    const isolated = { kind: 'account', tool }
    expect(await probeAs(null, [{ mode: 'auto' }, { mode: 'account' }, { mode: 'namespace' }, { mode: 'none' }])).toEqual([
      isolated,
      isolated,
      isolated,
      { kind: 'none', tool: null },
    ])
    expect(await probeAs(null, [{ mode: 'account' }, { mode: 'namespace' }], noTool)).toEqual([
      { kind: 'account', tool: null },
      { problem: expect.stringMatching(/^PAPERCLIP_AGENT_ISOLATION=namespace does not work here: .*bubblewrap is not installed/) },
    ])
  })

  test.runIf(canStartAsOrdinary() && tool !== null)('A server of an ordinary account has namespaces, and no accounts', async () => {
    const isolated = { kind: 'namespace', tool }
    expect(await probeAs(ordinaryAccount, [{ mode: 'auto' }, { mode: 'namespace' }, { mode: 'account' }, { user: 'daemon' }])).toEqual([
      isolated,
      isolated,
      { problem: expect.stringContaining('PAPERCLIP_AGENT_ISOLATION=account does not work here: only a server that runs as root') },
      { problem: expect.stringContaining('needs a server that runs as root') },
    ])
    expect(await probeAs(ordinaryAccount, [{ mode: 'auto' }], noTool)).toEqual([{ kind: 'none', tool: null }])
  })

  test.runIf(isRoot)('An account that is named is used, or the sentence says why agents cannot have it', async () => {
    const reserved = [{ uid: 1, why: 'it runs the embedded Postgres of this server' }]
    const refused = [
      ['root', 'it is root'],
      ['0', 'it is root'],
      ['no-such-account', 'this host has no such account'],
      ['4294967295', 'this host has no such account'],
      ['daemon', 'it runs the embedded Postgres of this server'],
      ['1', 'it runs the embedded Postgres of this server'],
    ] as const
    const contradiction = { user: 'daemon', mode: 'none' } as const
    const [used, contradicts, ...problems] = await probeAs(null, [
      { user: 'daemon' },
      contradiction,
      ...refused.map(([user]) => ({ user, reserved })),
    ])
    expect(used).toMatchObject({ kind: 'account' })
    expect(contradicts).toEqual({ problem: expect.stringContaining('contradicts') })
    expect(problems).toEqual(
      refused.map(([user, why]) => ({
        problem: expect.stringMatching(new RegExp(`^PAPERCLIP_AGENT_USER=${user} cannot run agents: ${why}\\. Name another account`)),
      })),
    )
  })
})
