import { readdirSync, utimesSync } from 'node:fs'
import path from 'node:path'
import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { processIdentity } from '../processIdentity.ts'
import { hostRecord } from './hosts.ts'
import { claimsOfProcess } from './processes.ts'
import { folderForWorktrees } from './worktrees.fixture.ts'
import { createWorktrees } from './worktrees.ts'

const OTHER_HOST = 'boot-of-another-host pid:[1]'

describe('The processes of a run', () => {
  const run = (host: string) => ({
    runId: randomUUID(),
    processIdentity: JSON.stringify({ ...processIdentity(process.pid), pid: 2 ** 22 + 1, startTime: 1, host }),
  })

  test('Those of another host count as left while that host uses the folder, or is not known, and as ended two minutes later', async () => {
    const folder = folderForWorktrees()
    const worktrees = createWorktrees(folder, null)
    expect(await worktrees.endLeftover(run(processIdentity(process.pid).host ?? ''))).toBe('none')
    expect(await worktrees.endLeftover(run(OTHER_HOST))).toBe('elsewhere')
    hostRecord(folder, OTHER_HOST).sign()
    expect(worktrees.isElsewhere(run(OTHER_HOST))).toBe(true)
    const hosts = path.join(folder, '.paperclip-hosts')
    const past = Date.now() / 1000 - 121
    for (const file of readdirSync(hosts)) utimesSync(path.join(hosts, file), past, past)
    expect(worktrees.isElsewhere(run(OTHER_HOST))).toBe(false)
    expect(await worktrees.endLeftover(run(OTHER_HOST))).toBe('none')
  })
})

describe('A claim', () => {
  test('Each is another one, and it is gone when its work has ended or its process has', () => {
    const claims = claimsOfProcess()
    const [first, second] = [claims.claim(), claims.claim()]
    expect(first).not.toBe(second)
    expect([claims.isGone(first), claims.isGone(second)]).toEqual([false, false])
    claims.unclaim(first)
    expect([claims.isGone(first), claims.isGone(second)]).toEqual([true, false])
    expect([claims.resume(first), claims.isGone(first)]).toEqual([true, false])
    expect(claims.resume(second)).toBe(false)
    const ofAnother = JSON.stringify({ ...processIdentity(process.pid), startTime: 1, claim: randomUUID() })
    expect([claims.isGone(ofAnother), claims.resume(ofAnother)]).toEqual([true, false])
    for (const claim of [first, second]) claims.unclaim(claim)
  })
})
