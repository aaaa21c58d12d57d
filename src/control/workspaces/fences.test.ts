import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { processIdentity } from '../../adapters/index.ts'
import type { Worktrees } from '../../adapters/index.ts'
import { git, makeRepository } from '../../dev/testing/gitRepository.ts'
import { expectRefused, waitUntil } from '../../dev/testing/holds.ts'
import { auditCount, expireLease, lastAudit } from '../../dev/testing/world.ts'
import type { StartOrder } from '../dispatch/index.ts'
import { acquireWorkspace } from './acquire.ts'
import { tickWorkspaces } from './index.ts'
import { useWorkspaces } from './workspaces.fixture.ts'

const { server, board, sql, folder, worktrees, scene, orderFor, place, folderOf, listOf, idle } = useWorkspaces()
const tick = () => tickWorkspaces(server().store, worktrees())

/** Replaces a step of the worktrees until the test is over. */
function replace<K extends keyof Worktrees>(name: K, by: (original: Worktrees[K]) => Worktrees[K]): void {
  const all = worktrees()
  const original = all[name]
  Object.assign(all, { [name]: by(original) })
  onTestFinished(() => void Object.assign(all, { [name]: original }))
}

const under = (key: string) => ({ 'idempotency-key': key })

describe('a close that comes late', () => {
  test('It changes nothing: its claim had run out, another server gave the workspace back, and the folder stays in its place', async () => {
    const { tree, id, path: at1 } = await idle()
    replace('keep', (keep) => async (worktree) => {
      const kept = await keep(worktree)
      await sql("update execution_workspaces set claimed_until = now() - interval '1 second' where id = $1", [id])
      await tick()
      return kept
    })
    const refused = await board().patch(at1, { status: 'archived' })
    expect([refused.status, refused.body.code]).toEqual([409, 'workspace_not_ready'])
    expect(existsSync(path.join(tree, 'letter.txt'))).toBe(true)
    expect((await board().get(at1)).body).toMatchObject({ status: 'idle' })
    expect(git(tree, 'status', '--porcelain')).toBe('')
  })

  test('A folder that was taken when the claim had gone to another party is put back', async () => {
    const { tree, id, path: at1 } = await idle()
    const name = `late_${id.replaceAll('-', '')}`
    // The claim is the caller's when it is asked for before the rename, and not behind it.
    for (const text of [
      `create sequence ${name}`,
      `create function ${name}() returns trigger language plpgsql security definer as $$ begin
        if old.status = 'closing' and new.status = 'closing' and nextval('${name}') = 2 then return null; end if; return new; end $$`,
      `create trigger ${name} before update on execution_workspaces for each row when (old.id = '${id}') execute function ${name}()`,
    ])
      await sql(text, [])
    const taken: string[] = []
    replace('take', (take) => (worktree) => {
      taken.push(worktree.id)
      return take(worktree)
    })
    const refused = await board().patch(at1, { status: 'archived' })
    await sql(`drop trigger ${name} on execution_workspaces`, [])
    expect([refused.status, taken]).toEqual([409, [id]])
    expect(git(tree, 'status', '--porcelain')).toBe('')
    // The claim of this process is not at work any more.
    await tick()
    expect((await board().get(at1)).body).toMatchObject({ status: 'idle' })
  })

  test('A claim of this process whose work has ended is taken up by the next look, and not after a quarter of an hour', async () => {
    const { id, path: at1 } = await idle()
    const claim = worktrees().claim()
    await sql(
      "update execution_workspaces set status = 'closing', claimed_by = $2, claimed_until = now() + interval '1 hour' where id = $1",
      [id, claim],
    )
    await tick()
    expect((await board().get(at1)).body).toMatchObject({ status: 'closing' })
    worktrees().unclaim(claim)
    await tick()
    expect((await board().get(at1)).body).toMatchObject({ status: 'idle' })
  })
})

describe('a crash behind the rename', () => {
  test('The next look records the end, and the repository forgets the worktree, which was locked', async () => {
    const { at, id, tree, path: at1 } = await idle()
    git(tree, 'checkout', '--quiet', '--detach')
    git(tree, 'commit', '--quiet', '--allow-empty', '--message', 'Alone')
    const head = git(tree, 'rev-parse', 'HEAD')
    const claim = JSON.stringify({ ...processIdentity(process.pid), startTime: 1 })
    await sql(
      "update execution_workspaces set status = 'closing', claimed_by = $2, claimed_until = now() + interval '1 hour' where id = $1",
      [id, claim],
    )
    const { agentId } = (await board().get(at1)).body
    const worktree = { id, name: path.basename(tree), companyId: at.here.company.id, agentId, repository: at.repository }
    worktrees().take(worktree)
    expect(git(at.repository, 'worktree', 'list', '--porcelain')).toContain('locked')
    await tick()
    expect((await board().get(at1)).body).toMatchObject({ status: 'archived', closedReason: 'folder_missing' })
    expect(git(at.repository, 'worktree', 'list', '--porcelain')).not.toContain('locked')
    expect(git(at.repository, 'rev-parse', `refs/paperclip/worktrees/${worktree.name}`)).toBe(head)
  })
})

describe('a repeat under the same key', () => {
  test('A close that was refused under its claim is refused again, byte by byte, also when it would succeed now', async () => {
    const { id, tree, path: at1 } = await idle()
    let looks = 0
    replace('inspect', (inspect) => async (...args) => {
      looks += 1
      if (looks === 2) writeFileSync(path.join(tree, 'late.txt'), 'late\n')
      return await inspect(...args)
    })
    const key = randomUUID()
    const first = await board().patch(at1, { status: 'archived' }, under(key))
    expect([first.status, first.body.code]).toEqual([409, 'workspace_not_ready'])
    expect(first.body.details).toMatchObject({ state: 'needs_confirmation' })
    rmSync(path.join(tree, 'late.txt'))
    const again = await board().patch(at1, { status: 'archived' }, under(key))
    expect([again.status, again.text, again.headers['idempotency-replayed']]).toEqual([409, first.text, 'true'])
    expect(existsSync(tree)).toBe(true)
    const closing = await board().patch(at1, { status: 'archived' }, under(randomUUID()))
    expect(closing.status, closing.text).toBe(200)
    expect(await lastAudit(server(), id, 'execution_workspace.updated')).toMatchObject({ details: { status: 'archived' } })
  })

  test('A close that succeeded answers the same again, and closes once', async () => {
    const { path: at1 } = await idle()
    const key = randomUUID()
    const first = await board().patch(at1, { status: 'archived' }, under(key))
    expect(first.status, first.text).toBe(200)
    expect(first.body).toMatchObject({ status: 'archived', closedReason: 'board' })
    const count = await auditCount(server())
    const again = await board().patch(at1, { status: 'archived' }, under(key))
    expect([again.status, again.text, again.headers['idempotency-replayed']]).toEqual([200, first.text, 'true'])
    expect(await auditCount(server())).toBe(count)
  })

  test('The audit of a close that was refused has no path of the host', async () => {
    const { at, id, tree, path: at1 } = await idle()
    replace('keep', () => async () => `It could not be kept: ${tree}/a b/c, ${at.repository}/.git/refs and /srv/other/place`)
    const refused = await board().patch(at1, { status: 'archived' })
    expect(refused.status).toBe(409)
    const row = await lastAudit(server(), id, 'execution_workspace.close_refused')
    const text = JSON.stringify(row)
    expect(text).toContain('It could not be kept')
    for (const secret of [folder, at.repository, '/srv/other']) expect(text).not.toContain(secret)
  })
})

describe('what the board confirms', () => {
  test('A state that could not be found out is confirmed as it was shown, and not as it is after a change or in another workspace', async () => {
    const [{ at, tree, path: at1 }, other] = [await idle(), await idle()]
    for (const { repository } of [at, other.at]) rmSync(path.join(repository, '.git'), { recursive: true })
    const shownOf = async (of: string) => (await board().get(`${of}/close-readiness`)).body
    const [shown, ofOther] = [await shownOf(at1), await shownOf(other.path)]
    expect([shown.state, ofOther.state]).toEqual(['needs_confirmation', 'needs_confirmation'])
    const confirm = (confirmation: string) => board().patch(at1, { status: 'archived', confirmation })
    await expectRefused(server(), () => confirm(ofOther.confirmation), 409, 'workspace_not_ready')
    writeFileSync(path.join(tree, 'work.txt'), 'work\n')
    await expectRefused(server(), () => confirm(shown.confirmation), 409, 'workspace_not_ready')
    expect(existsSync(path.join(tree, 'work.txt'))).toBe(true)
    const closed = await confirm((await shownOf(at1)).confirmation)
    expect(closed.status, closed.text).toBe(200)
  })

  test('Work that a replaced repository or a rebase hides is confirmed, and commits of the log alone are kept with a warning', async () => {
    const [replaced, logged] = [await idle(), await idle()]
    rmSync(path.join(replaced.tree, '.git'))
    git(replaced.tree, 'init', '--quiet')
    const { body } = await board().get(`${replaced.path}/close-readiness`)
    expect(body).toMatchObject({ state: 'needs_confirmation', git: { isReplaced: true } })
    git(logged.tree, 'commit', '--quiet', '--allow-empty', '--message', 'Lost')
    git(logged.tree, 'reset', '--quiet', '--hard', 'HEAD~1')
    expect((await board().get(`${logged.path}/close-readiness`)).body).toMatchObject({
      state: 'ready_with_warnings',
      git: { loggedCount: 1 },
      warnings: expect.arrayContaining([expect.stringContaining('only in the log of the worktree')]) as string[],
    })
  })
})

describe('processes of earlier runs', () => {
  test('Those of the run before last are ended before a run gets the worktree, also when an attempt between has failed', async () => {
    const { at, agent, issue, order, tree } = await idle()
    const left = spawn('sleep', ['600'], { detached: true, stdio: 'ignore', env: { ...process.env, PAPERCLIP_RUN_ID: order.runId } })
    onTestFinished(() => void left.kill('SIGKILL'))
    const asked: string[] = []
    replace('endLeftover', (endLeftover) => async (run) => {
      asked.push(run.runId)
      return asked.length === 1 ? 'survived' : await endLeftover(run)
    })
    const second = await orderFor(at, agent, issue)
    expect(await place(second)).toMatchObject({ kind: 'problem', problem: expect.stringContaining('do not end') as string })
    await expireLease(server(), second.runId)
    expect(folderOf(await place(await orderFor(at, agent, issue)))).toBe(tree)
    expect(asked).toEqual([order.runId, order.runId])
    await waitUntil('its process has ended', () => Promise.resolve(left.exitCode !== null || left.signalCode !== null))
  })

  test('A worktree whose last run worked on another host goes to no run, and is closed only when the board confirms it', async () => {
    const { at, agent, issue, order, tree, path: at1 } = await idle()
    const identity = JSON.stringify({ ...processIdentity(process.pid), host: `another-boot pid:[${randomUUID()}]` })
    await sql('update heartbeat_runs set process_identity = $2 where id = $1', [order.runId, identity])
    expect(folderOf(await place(await orderFor(at, agent, issue)))).not.toBe(tree)
    const { body: shown } = await board().get(`${at1}/close-readiness`)
    expect(shown).toMatchObject({ state: 'needs_confirmation', git: { dirtyCount: 0 } })
    await expectRefused(server(), () => board().patch(at1, { status: 'archived' }), 409, 'workspace_not_ready')
    const closed = await board().patch(at1, { status: 'archived', confirmation: shown.confirmation })
    expect(closed.status, closed.text).toBe(200)
  })
})

describe('an attempt whose answer was lost', () => {
  const acquire = async (order: StartOrder) => {
    if (order.workspace === null || order.issueId === null) throw new Error('no order')
    const policy = { reuse: 'issue', close: 'manual', baseRef: null } as const
    return await acquireWorkspace(server().store, worktrees(), { ...order, ...order.workspace, issueId: order.issueId, policy })
  }

  test('The repeat makes the worktree that was begun, and the issue is not blocked', async () => {
    const at = await scene()
    const [agent, issue] = [await at.here.agent(), await at.here.issue({ projectId: at.projectId })]
    const order = await orderFor(at, agent, issue)
    const acquired = await acquire(order)
    if (acquired.kind !== 'new') throw new Error(acquired.kind)
    const { id, worktreeName, branchName, repository, claimedBy, cwd } = acquired.workspace
    const worktree = { id, name: worktreeName, companyId: at.here.company.id, agentId: agent.id, repository }
    await worktrees().create(worktree, branchName, null)
    worktrees().unclaim(claimedBy ?? '')
    expect(folderOf(await place(order))).toBe(cwd)
    expect(await listOf(at)).toMatchObject([{ id, status: 'active' }])
    expect(readFileSync(path.join(cwd, 'letter.txt'), 'utf8')).toBe('Dear board\n')
    // And once more, when the answer of the last transaction was lost.
    expect(folderOf(await place(order))).toBe(cwd)
  })

  test('The repeat of one that took a free worktree gets the same', async () => {
    const { at, agent, issue, tree } = await idle()
    const order = await orderFor(at, agent, issue)
    expect((await acquire(order)).kind).toBe('again')
    expect(folderOf(await place(order))).toBe(tree)
    expect(await listOf(at)).toHaveLength(1)
  })
})

describe('folders and repositories', () => {
  test('A project whose repository is another one now gets a new worktree, and so does one whose worktree is not of it any more', async () => {
    const { at, agent, issue, tree } = await idle()
    const other = { ...at, repository: makeRepository() }
    const elsewhere = folderOf(await place(await orderFor(other, agent, issue)))
    expect(elsewhere).not.toBe(tree)
    rmSync(path.join(tree, '.git'))
    git(tree, 'init', '--quiet')
    expect([tree, elsewhere]).not.toContain(folderOf(await place(await orderFor(at, agent, issue))))
  })

  test('A run whose working folder is around the worktrees, or in them, is not started', async () => {
    const { at, agent, issue, tree } = await idle()
    const order = { ...(await orderFor(at, agent, issue)), workspace: null, projectFolder: null, adapterConfig: {} }
    for (const each of [path.dirname(folder), '/', tree]) {
      const problem = expect.stringContaining('PAPERCLIP_WORKTREE_FOLDER') as string
      expect(await place({ ...order, projectFolder: each })).toMatchObject({ kind: 'problem', problem })
      expect(await place({ ...order, adapterConfig: { cwd: each } })).toMatchObject({ kind: 'problem', problem })
    }
    expect(await place({ ...order, projectFolder: at.repository })).toEqual({ kind: 'none' })
    expect(await place({ ...order, adapterType: 'http', projectFolder: '/' })).toEqual({ kind: 'none' })
  })

  test('A list of those that are not closed leaves the closed ones out, and the other way round', async () => {
    const { at, agent, issue, id, path: at1 } = await idle()
    expect((await board().patch(at1, { status: 'archived' })).status).toBe(200)
    await place(await orderFor(at, agent, issue))
    expect(await listOf(at, '?closed=true')).toMatchObject([{ id, status: 'archived' }])
    expect(await listOf(at, '?closed=false')).toMatchObject([{ status: 'active' }])
    expect(await listOf(at)).toHaveLength(2)
  })
})

describe('the task of the server', () => {
  test('A company with many workspaces does not keep that of another one from its look', async () => {
    const [many, one] = [await idle(), await idle()]
    // Copies without a folder: each look at one finds that it is gone.
    for (let count = 0; count < 12; count++)
      await sql(
        `insert into execution_workspaces (id, company_id, project_id, project_workspace_id, source_issue_id, agent_id, name, status, repository, worktree_name,
           branch_name, base_commit, folder_mark, cwd, reuse_policy, close_policy, next_check_at, last_used_at)
         select $2, company_id, project_id, project_workspace_id, source_issue_id, agent_id, name, 'open', repository, worktree_name, branch_name, base_commit,
           folder_mark, cwd, reuse_policy, close_policy, now() - interval '1 day', now() - interval '1 day' from execution_workspaces where id = $1`,
        [many.id, randomUUID()],
      )
    for (const { issue, id } of [many, one]) {
      await board().patch(`/api/issues/${issue.id}`, { status: 'done' })
      await sql("update execution_workspaces set last_used_at = now() - interval '1 hour' where id = $1", [id])
    }
    await tick()
    expect((await board().get(one.path)).body).toMatchObject({ status: 'archived', closedReason: 'issue_closed' })
  })
})
