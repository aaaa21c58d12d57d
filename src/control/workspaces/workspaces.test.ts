import { randomUUID } from 'node:crypto'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { processIdentity } from '../../adapters/index.ts'
import { git } from '../../dev/testing/gitRepository.ts'
import { expectRefused, waitUntil, wakesOf } from '../../dev/testing/holds.ts'
import { createOutputFile, createProcessAgent, useRunner } from '../../dev/testing/runner.ts'
import { actionsOf, auditCount, expireLease, lastAudit, world } from '../../dev/testing/world.ts'
import type { StartOrder } from '../dispatch/index.ts'
import { acquireWorkspace } from './acquire.ts'
import { tickWorkspaces } from './index.ts'
import { useWorkspaces } from './workspaces.fixture.ts'

const { server, board, sql, allow, folder, worktrees, scene, orderFor, place, folderOf, listOf, idle } = useWorkspaces()

const isOver = (issueId: string) =>
  waitUntil('its run has ended', async () => {
    const wakes = await wakesOf(server(), issueId)
    return wakes.length > 0 && wakes.every((wake) => ['completed', 'failed', 'cancelled'].includes(wake.status))
  })

describe('a run of a project that asks for worktrees', () => {
  test('It works in a worktree on a branch of its own, which the next run for the issue gets again', async () => {
    const at = await scene()
    const seen = createOutputFile()
    const script = `const { execSync } = require('node:child_process')
      require('node:fs').appendFileSync(process.env.SEEN, process.cwd() + ' ' + execSync('git rev-parse --abbrev-ref HEAD') )`
    const agent = await createProcessAgent(at.here, script, { env: { SEEN: seen.file } })
    useRunner(server(), { worktrees: worktrees() })
    const issue = await at.here.issue({ projectId: at.projectId, assigneeAgentId: agent.id })
    await isOver(issue.id)
    const [first] = await listOf(at)
    expect(first).toMatchObject({ status: 'idle', sourceIssueId: issue.id, agentId: agent.id, projectWorkspaceId: at.workspaceId })
    expect(seen.lines()).toEqual([`${first?.cwd} paperclip/${path.basename(first?.cwd ?? '')}`])
    expect(first?.cwd.startsWith(`${folder}/`)).toBe(true)
    await board().post(`/api/issues/${issue.id}/comments`, { body: 'Once more' })
    await waitUntil('it has run again', () => Promise.resolve(seen.lines().length === 2))
    expect(seen.lines()[1]).toBe(seen.lines()[0])
    expect(await listOf(at)).toHaveLength(1)

    const [operation] = (await board().get(`/api/execution-workspaces/${first?.id}/workspace-operations`)).body
    expect(operation).toMatchObject({ phase: 'create', status: 'succeeded', error: null })
    expect((await board().get(`/api/heartbeat-runs/${operation.heartbeatRunId}/workspace-operations`)).body).toEqual([operation])
    const log = (await board().get(`/api/workspace-operations/${operation.id}/log`)).body
    expect(JSON.parse(log.content.split('\n')[0])).toMatchObject({ stream: 'system', chunk: expect.stringContaining('git worktree add') })
    expect(await actionsOf(server(), first?.id ?? '')).toEqual([
      'execution_workspace.created',
      'execution_workspace.prepared',
      'execution_workspace.leased',
    ])
  })

  test('Without the setting of the instance, or the policy of the project, it works in the folder of the project', async () => {
    const at = await scene()
    const plain = await scene({ enabled: false }, at.here)
    const seen = createOutputFile()
    const script = `require('node:fs').appendFileSync(process.env.SEEN, process.cwd() + '\\n')`
    const agent = await createProcessAgent(at.here, script, { env: { SEEN: seen.file } })
    useRunner(server(), { worktrees: worktrees() })
    await isOver((await at.here.issue({ projectId: plain.projectId, assigneeAgentId: agent.id })).id)
    await allow(false)
    await isOver((await at.here.issue({ projectId: at.projectId, assigneeAgentId: agent.id })).id)
    await allow(true)
    expect(seen.lines()).toEqual([plain.repository, at.repository])
    expect(await listOf(at)).toEqual([])
  })

  test('Without a folder of the operator, or a repository, the run fails with a sentence and the issue is blocked', async () => {
    const at = await scene()
    const agent = await createProcessAgent(at.here, '')
    useRunner(server())
    const issue = await at.here.issue({ projectId: at.projectId, assigneeAgentId: agent.id })
    await isOver(issue.id)
    expect((await board().get(`/api/issues/${issue.id}`)).body).toMatchObject({ status: 'blocked' })
    const [note] = (await board().get(`/api/issues/${issue.id}/comments`)).body
    expect(note.body).toContain('PAPERCLIP_WORKTREE_FOLDER')

    rmSync(path.join(at.repository, '.git'), { recursive: true })
    const order = await orderFor(at, await at.here.agent(), issue)
    expect(await place(order)).toMatchObject({ kind: 'problem', problem: expect.stringContaining('git could not make a worktree') })
    const [failed] = await listOf(at)
    expect(failed).toMatchObject({ status: 'archived', closedReason: 'not_made' })
    const [operation] = (await board().get(`/api/execution-workspaces/${failed?.id}/workspace-operations`)).body
    expect(operation).toMatchObject({ status: 'failed', error: expect.stringContaining('not a git repository') })
  })

  test('A policy with a ref that is an option, or another strategy, fails the run before git is asked', async () => {
    const at = await scene()
    const [agent, issue] = [await at.here.agent(), await at.here.issue({ projectId: at.projectId })]
    for (const workspaceStrategy of [{ baseRef: '--upload-pack=touch x' }, { type: 'docker' }])
      expect(await place(await orderFor(at, agent, issue, { workspaceStrategy }))).toMatchObject({ kind: 'problem' })
    const order = await orderFor(at, agent, issue)
    const named = { ...order, workspace: { ...order.workspace, baseRef: '-x' } } as StartOrder
    expect(await place(named)).toMatchObject({ kind: 'problem', problem: expect.stringContaining('repoRef') })
    expect(await listOf(at)).toEqual([])
  })
})

describe('two runs', () => {
  test('They never share a worktree: of many at once each has its own, new or used before', async () => {
    const at = await scene()
    const agent = await at.here.agent()
    const issue = await at.here.issue({ projectId: at.projectId })
    const round = async (): Promise<{ folders: string[]; runIds: string[] }> => {
      const orders = await Promise.all(Array.from({ length: 6 }, () => orderFor(at, agent, issue)))
      const folders = (await Promise.all(orders.map(place))).map(folderOf)
      return { folders, runIds: orders.map(({ runId }) => runId) }
    }
    const first = await round()
    expect(new Set(first.folders).size).toBe(6)
    expect((await listOf(at, '?status=active')).length).toBe(6)
    const second = await round()
    expect(new Set([...first.folders, ...second.folders]).size).toBe(12)
    for (const runId of [...first.runIds, ...second.runIds]) await expireLease(server(), runId)
    expect((await listOf(at, '?reuseEligible=true')).length).toBe(12)
    const third = await round()
    expect(new Set(third.folders).size).toBe(6)
    expect([...first.folders, ...second.folders]).toEqual(expect.arrayContaining(third.folders))
  })

  test('A run that is over gets none, and one of another agent or with `never` gets another one', async () => {
    const { at, agent, issue, tree } = await idle()
    const over = await orderFor(at, agent, issue)
    await expireLease(server(), over.runId)
    expect(await place(over)).toEqual({ kind: 'over' })
    expect(folderOf(await place(await orderFor(at, await at.here.agent(), issue)))).not.toBe(tree)
    expect(folderOf(await place(await orderFor(at, agent, issue, { reuse: 'never' })))).not.toBe(tree)
    expect(folderOf(await place(await orderFor(at, agent, issue)))).toBe(tree)
  })

  test('A worktree whose folder is gone is closed, and the run gets a new one', async () => {
    const { at, agent, issue, tree, path: at1 } = await idle()
    rmSync(path.dirname(tree), { recursive: true })
    expect(folderOf(await place(await orderFor(at, agent, issue)))).not.toBe(tree)
    expect((await board().get(at1)).body).toMatchObject({ status: 'archived', closedReason: 'folder_missing' })
  })
})

describe('closing', () => {
  test('A clean workspace is closed: its folder is gone, its branch stays, and the audit says who closed it', async () => {
    const { at, tree, id, path: at1 } = await idle()
    git(tree, 'commit', '--quiet', '--allow-empty', '--message', 'Work')
    const ready = (await board().get(`${at1}/close-readiness`)).body
    expect(ready).toMatchObject({ state: 'ready_with_warnings', blockingReasons: [], liveRun: null, git: { aheadCount: 1, dirtyCount: 0 } })
    const closed = await board().patch(at1, { status: 'archived' })
    expect(closed.status, closed.text).toBe(200)
    expect(closed.body).toMatchObject({ status: 'archived', closedReason: 'board', activeRunId: null })
    expect(existsSync(tree)).toBe(false)
    expect(git(at.repository, 'log', '-1', '--format=%s', closed.body.branchName)).toBe('Work')
    expect(await lastAudit(server(), id, 'execution_workspace.updated')).toMatchObject({
      actorType: 'user',
      details: { status: 'archived', closedReason: 'board', discardedCount: 0 },
    })
    expect((await board().patch(at1, { status: 'archived' })).body).toEqual(closed.body)
    expect((await listOf(at, '?status=archived')).length).toBe(1)
  })

  test('Work that is in no commit is lost only when the board confirms exactly what it was shown', async () => {
    const { tree, path: at1 } = await idle()
    writeFileSync(path.join(tree, 'draft.txt'), 'one\n')
    const shown = (await board().get(`${at1}/close-readiness`)).body
    expect(shown).toMatchObject({ state: 'needs_confirmation', git: { dirtyCount: 1, entries: [{ status: 'A', path: 'draft.txt' }] } })
    const refused = await expectRefused(server(), () => board().patch(at1, { status: 'archived' }), 409, 'workspace_not_ready')
    expect(refused.body.details).toMatchObject({ state: 'needs_confirmation', confirmation: shown.confirmation })
    writeFileSync(path.join(tree, 'draft.txt'), 'two\n')
    const confirm = (confirmation: string) => board().patch(at1, { status: 'archived', confirmation })
    await expectRefused(server(), () => confirm(shown.confirmation), 409, 'workspace_not_ready')
    expect(existsSync(path.join(tree, 'draft.txt'))).toBe(true)
    const again = (await board().get(`${at1}/close-readiness`)).body
    expect((await confirm(again.confirmation)).body).toMatchObject({ status: 'archived' })
    expect(existsSync(tree)).toBe(false)
  })

  test('While a live run works in it nothing closes it', async () => {
    const { at, agent, issue, tree, path: at1 } = await idle()
    const order = await orderFor(at, agent, issue)
    expect(folderOf(await place(order))).toBe(tree)
    const { body } = await board().get(`${at1}/close-readiness`)
    expect(body).toMatchObject({ state: 'blocked', blockingReasons: ['A live run works in it'], liveRun: { id: order.runId } })
    await expectRefused(
      server(),
      () => board().patch(at1, { status: 'archived', confirmation: body.confirmation }),
      409,
      'workspace_not_ready',
    )
    expect(existsSync(tree)).toBe(true)
  })

  test('Of a close and a run that come at once one wins, and the run never works in a folder that is gone', async () => {
    const { at, agent, issue, tree, path: at1 } = await idle()
    const order = await orderFor(at, agent, issue)
    const [closed, placement] = await Promise.all([board().patch(at1, { status: 'archived' }), place(order)])
    const got = folderOf(placement)
    expect(existsSync(got)).toBe(true)
    expect([closed.status, got === tree]).toEqual(closed.status === 200 ? [200, false] : [409, true])
  })

  test('A server without the folder says so and closes nothing', async () => {
    const { id, path: at1 } = await idle()
    await sql('update execution_workspaces set folder_mark = $2 where id = $1', [id, randomUUID()])
    expect((await board().get(`${at1}/close-readiness`)).body).toMatchObject({
      state: 'blocked',
      blockingReasons: ['Its folder is not on this server'],
      git: null,
    })
    await expectRefused(server(), () => board().patch(at1, { status: 'archived' }), 409, 'workspace_not_ready')
  })
})

describe('agents and other companies', () => {
  test('An agent reads, names its own workspace, and closes none', async () => {
    const { at, agent, path: at1, tree } = await idle()
    expect((await agent.client.get(at1)).body).toMatchObject({ status: 'idle', cwd: tree })
    const peer = await at.here.agent()
    expect((await peer.client.get(at1)).body).toMatchObject({ status: 'idle', cwd: null })
    const named = await agent.client.patch(at1, { name: 'Letters', metadata: { note: 1 } })
    expect(named.body).toMatchObject({ name: 'Letters', metadata: { note: 1 } })
    await expectRefused(server(), () => agent.client.patch(at1, { status: 'archived' }), 403, 'field_not_permitted')
    await expectRefused(server(), () => peer.client.patch(at1, { name: 'Mine' }), 403, 'not_self')
    await expectRefused(server(), () => agent.client.patch(at1, { cwd: '/etc' }), 400, 'validation_failed')
    await expectRefused(server(), () => agent.client.post(`${at1}/runtime-services/start`, {}), 422, 'unprocessable')
    const before = await auditCount(server())
    expect((await agent.client.patch(at1, { name: 'Letters' })).status).toBe(200)
    expect(await auditCount(server())).toBe(before)
  })

  test('A workspace of another company is not there, nor are its operations', async () => {
    const { id, at, path: at1 } = await idle()
    const stranger = await (await world(server())).agent()
    const [operation] = (await board().get(`${at1}/workspace-operations`)).body
    const missing = `/api/execution-workspaces/${randomUUID()}`
    for (const rest of ['', '/close-readiness', '/workspace-operations']) {
      await expectRefused(server(), () => stranger.client.get(`${at1}${rest}`), 404, 'not_found')
      await expectRefused(server(), () => board().get(`${missing}${rest}`), 404, 'not_found')
    }
    await expectRefused(server(), () => stranger.client.patch(at1, { name: 'x' }), 404, 'not_found')
    await expectRefused(server(), () => stranger.client.get(`/api/workspace-operations/${operation.id}/log`), 404, 'not_found')
    await expectRefused(server(), () => stranger.client.get(`/api/companies/${at.here.company.id}/execution-workspaces`), 404, 'not_found')
    expect((await board().get(at1)).body.id).toBe(id)
  })
})

/** A process that had the id of this one before it: the server that crashed. */
const gone = JSON.stringify({ ...processIdentity(process.pid), startTime: 1 })
const tick = () => tickWorkspaces(server().store, worktrees())

describe('behind a crash', () => {
  test('A worktree that was being made is removed with its branch, and a later run gets a new one', async () => {
    const at = await scene()
    const [agent, issue] = [await at.here.agent(), await at.here.issue({ projectId: at.projectId })]
    const order = await orderFor(at, agent, issue)
    if (order.workspace === null) throw new Error('no order')
    const policy = { reuse: 'issue', close: 'manual', baseRef: null } as const
    const acquired = await acquireWorkspace(server().store, worktrees(), { ...order, ...order.workspace, issueId: issue.id, policy })
    if (acquired.kind !== 'new') throw new Error(acquired.kind)
    const { id, worktreeName, repository, branchName, cwd } = acquired.workspace
    // Between git and the commit that would have said so.
    await worktrees().create({ id, name: worktreeName, companyId: at.here.company.id, agentId: agent.id, repository }, branchName, null)
    await tick()
    expect(existsSync(cwd)).toBe(true)
    await sql('update execution_workspaces set claimed_by = $2 where id = $1', [id, gone])
    await Promise.all([tick(), tick()])
    expect(existsSync(cwd)).toBe(false)
    expect(git(at.repository, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main')
    expect(git(at.repository, 'worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(1)
    expect(await actionsOf(server(), id)).toEqual(['execution_workspace.created', 'execution_workspace.updated'])
    expect((await listOf(at))[0]).toMatchObject({ status: 'archived', closedReason: 'not_made' })
    expect(folderOf(await place(await orderFor(at, agent, issue)))).not.toBe(cwd)
  })

  test('A worktree that was being closed stays whole while it stands in its place, and is closed when it was taken away', async () => {
    for (const wasTaken of [false, true]) {
      const { id, tree, path: at1 } = await idle()
      writeFileSync(path.join(tree, 'draft.txt'), 'one\n')
      await sql(
        "update execution_workspaces set status = 'closing', claimed_by = $2, claimed_until = now() + interval '1 hour' where id = $1",
        [id, gone],
      )
      if (wasTaken) rmSync(path.dirname(tree), { recursive: true })
      await tick()
      expect((await board().get(at1)).body.status).toBe(wasTaken ? 'archived' : 'idle')
      expect(existsSync(path.join(tree, 'draft.txt'))).toBe(!wasTaken)
    }
  })
})

describe('the task of the server', () => {
  test('It closes what is done and clean, leaves what has work or is open, and keeps `manual` for the board', async () => {
    const scenes = [await idle(), await idle(), await idle({ close: 'manual' }), await idle()] as const
    const [clean, dirty, manual, open] = scenes
    writeFileSync(path.join(dirty.tree, 'draft.txt'), 'one\n')
    for (const { issue, id } of scenes) {
      if (id !== open.id) await board().patch(`/api/issues/${issue.id}`, { status: 'done' })
      await sql("update execution_workspaces set last_used_at = now() - interval '1 hour' where id = $1", [id])
    }
    await tick()
    const statusOf = async ({ path: at1 }: { path: string }): Promise<string> => (await board().get(at1)).body.status
    expect([await statusOf(clean), await statusOf(dirty), await statusOf(manual), await statusOf(open)]).toEqual([
      'archived',
      'idle',
      'idle',
      'idle',
    ])
    expect(await lastAudit(server(), clean.id, 'execution_workspace.updated')).toMatchObject({
      actorId: 'workspaces',
      details: { closedReason: 'issue_closed' },
    })
    expect(existsSync(path.join(dirty.tree, 'draft.txt'))).toBe(true)
    // Not looked at again at once.
    rmSync(path.join(dirty.tree, 'draft.txt'))
    await tick()
    expect(await statusOf(dirty)).toBe('idle')
    await sql('update execution_workspaces set next_check_at = now() where id = $1', [dirty.id])
    await tick()
    expect(await statusOf(dirty)).toBe('archived')
  })

  test('Rows of workspaces that were closed long ago are forgotten with their operations', async () => {
    const { at, id, path: at1 } = await idle()
    await board().patch(at1, { status: 'archived' })
    await sql("update execution_workspaces set closed_at = now() - interval '91 days' where id = $1", [id])
    await tick()
    await expectRefused(server(), () => board().get(at1), 404, 'not_found')
    expect(await lastAudit(server(), at.here.company.id, 'execution_workspace.forgotten')).toMatchObject({ details: { workspaces: 1 } })
  })
})
