import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runCommandLine } from '../dev/testing/commandLine.ts'
import type { Ended } from '../dev/testing/commandLine.ts'
import { holdRow, NO_HOLD } from '../dev/testing/holds.ts'
import { person } from '../dev/testing/people.ts'
import { lastAudit, TEST_BOARD_TOKEN, useServer, world } from '../dev/testing/world.ts'
import type { World } from '../dev/testing/world.ts'

const server = useServer({ boardMode: 'token', people: {} })

/** A command line against the server of this file, as the board. */
const run = async (args: readonly string[], more: Parameters<typeof runCommandLine>[1] = {}): Promise<Ended> =>
  await runCommandLine(args, { ...more, env: { PAPERCLIP_URL: server().url, PAPERCLIP_TOKEN: TEST_BOARD_TOKEN, ...more.env } })

const json = async (...args: readonly string[]) => {
  const { exit, out, err } = await run([...args, '--json'])
  expect(exit, `${out}${err}`).toBe(0)
  return JSON.parse(out)
}

const of = ({ company }: World): string[] => ['--company', company.id]

describe('status', () => {
  test('It says where the server is, how it is and as whom the command speaks', async () => {
    expect(await json('status')).toMatchObject({
      url: server().url,
      status: 'ok',
      condition: 'ok',
      caller: { kind: 'board', credential: 'board_token' },
    })
    const { exit, out } = await run(['status'])
    expect(exit).toBe(0)
    expect(out).toContain('board, by board token')
  })

  test('A wrong token is exit code 4 with the words of the server and the way on', async () => {
    const { exit, err } = await run(['locks', 'ls'], { env: { PAPERCLIP_TOKEN: 'pcp_local_wrong' } })
    expect(exit).toBe(4)
    expect(err).toContain('the credential is not of this server')
    const { out } = await run(['locks', 'ls', '--json'], { env: { PAPERCLIP_TOKEN: 'pcp_local_wrong' } })
    expect(JSON.parse(out)).toMatchObject({ error: { status: 401, code: 'unauthorized', requestId: expect.any(String) as string } })
  })
})

test('A request that the server finds invalid names the field', async () => {
  const here = await world(server())
  const { exit, err } = await run(['runs', 'ls', ...of(here), '--status', 'lively'])
  expect(exit).toBe(4)
  expect(err).toContain('Validation error: status')
})

describe('locks', () => {
  test('A hold is listed and shown with its holder', async () => {
    const here = await world(server())
    const { issue, run: holder, agent } = await here.held()
    expect(await json('locks', 'ls', ...of(here))).toMatchObject([{ issueId: issue.id, live: true, holder: { runId: holder.id } }])
    const { out } = await run(['locks', 'ls', ...of(here)])
    expect(out).toContain(issue.identifier)
    expect(out).toContain(agent.name)
    expect((await run(['locks', 'show', issue.identifier])).out).toContain(`${agent.name}, run ${holder.id}`)
    expect(await run(['locks', 'show', 'NOPE-1'])).toMatchObject({ exit: 4, err: 'Issue not found\n' })
  })

  test('A release shows what it would do, changes nothing in a dry run and without a yes, and then ends the hold with its reason', async () => {
    const here = await world(server())
    const { issue, run: holder } = await here.held()
    const release = ['locks', 'release', issue.identifier, '--reason', 'it loops']
    const preview = await run([...release, '--dry-run', '--cancel-run'])
    expect(preview.out).toContain(`live run ${holder.id}`)
    expect(preview.out).toContain(`The run ${holder.id} is cancelled`)
    expect(await run(release)).toMatchObject({ exit: 2, err: expect.stringContaining('give --yes') as string })
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: holder.id })
    expect(await run([...release, '--yes'])).toMatchObject({ exit: 0, out: `${issue.identifier} is released.\n` })
    expect(await holdRow(server(), issue.id)).toMatchObject(NO_HOLD)
    expect((await lastAudit(server(), issue.id, 'issue.admin_force_release')).details).toMatchObject({ reason: 'it loops' })
  })
})

describe('runs', () => {
  test('Runs are listed by agent and status, shown, and cancelled once', async () => {
    const here = await world(server())
    const { run: holder, agent } = await here.held()
    expect(await json('runs', 'ls', ...of(here), '--agent', agent.name, '--status', 'running')).toMatchObject([{ id: holder.id }])
    expect((await run(['runs', 'ls', ...of(here)])).out).toContain(holder.id)
    expect((await run(['runs', 'show', holder.id])).out).toContain(agent.name)
    expect(await run(['runs', 'cancel', holder.id, '--reason', 'enough', '--yes'])).toMatchObject({
      exit: 0,
      out: 'The run is cancelled.\n',
    })
    expect((await run(['runs', 'cancel', holder.id])).out).toBe('The run has already ended: cancelled.\n')
  })

  test('A log is printed without what would act on a terminal, and followed until its run has ended', async () => {
    const here = await world(server())
    const { id } = await here.run(await here.agent())
    const line = `${JSON.stringify({ ts: '2026-11-30T00:00:00.000Z', stream: 'stdout', chunk: 'hello \u001B[31mred\n' })}\n`
    await server().database.sql.query(
      'insert into heartbeat_run_log_chunks (run_id, start_offset, byte_size, content) values ($1, 0, $2, $3)',
      [id, Buffer.byteLength(line), line],
    )
    expect((await run(['runs', 'log', id])).out).toBe('hello \u{FFFD}[31mred\n')
    expect((await run(['runs', 'log', id, '--json'])).out).toBe(line)
    let cancelling: Promise<unknown> | undefined
    const followed = await run(['runs', 'log', id, '--follow'], {
      onOutput: () => {
        cancelling ??= server().board.post(`/api/heartbeat-runs/${id}/cancel`)
      },
    })
    await cancelling
    expect(followed).toMatchObject({ exit: 0, out: 'hello \u{FFFD}[31mred\n', err: 'The run is cancelled.\n' })
  })
})

describe('agents', () => {
  test('An agent is listed, shown by its name, paused, resumed and woken', async () => {
    const here = await world(server())
    const agent = await here.agent({ adapterType: 'process', adapterConfig: { command: 'true' } })
    expect(await json('agents', 'ls', ...of(here))).toMatchObject([{ id: agent.id }])
    expect((await run(['agents', 'show', 'agent-1', ...of(here)])).out).toContain(agent.id)
    expect(await run(['agents', 'pause', agent.name, ...of(here), '--reason', 'break', '--yes'])).toMatchObject({ exit: 0 })
    expect(await run(['agents', 'wake', agent.id])).toMatchObject({ exit: 4 })
    expect((await run(['agents', 'resume', agent.id])).out).toContain('is idle')
    expect((await run(['agents', 'wake', agent.id])).out).toMatch(/^The run \S+ is queued\.\n$/)
    expect(await run(['agents', 'show', 'unknown-one', ...of(here)])).toMatchObject({
      exit: 2,
      err: expect.stringContaining('No agent is called unknown-one') as string,
    })
  })
})

describe('issues', () => {
  test('An issue is created with a text from the standard input, listed, commented and shown', async () => {
    const here = await world(server())
    const created = await run(
      ['issues', 'create', ...of(here), '--title', 'A letter', '--status', 'todo', '--description-file', '-', '--json'],
      {
        stdin: 'Dear Sir,\nthe text',
      },
    )
    const issue = JSON.parse(created.out)
    expect(issue).toMatchObject({ title: 'A letter', status: 'todo', description: 'Dear Sir,\nthe text' })
    expect((await run(['issues', 'comment', issue.identifier, '--body', 'Please hurry'])).exit).toBe(0)
    expect(await json('issues', 'ls', ...of(here), '--status', 'todo')).toMatchObject([{ id: issue.id }])
    const { out } = await run(['issues', 'show', issue.identifier])
    expect(out).toContain('Please hurry')
    expect(out).toContain('unassigned')
    expect(await run(['issues', 'comment', issue.identifier])).toMatchObject({ exit: 2 })
  })
})

describe('approvals', () => {
  test('An approval is shown whole and decided about what was shown', async () => {
    const here = await world(server())
    const request = async (name: string): Promise<string> =>
      (await server().board.post(`/api/companies/${here.company.id}/agent-hires`, { name })).body.approval.id
    const [first, second] = [await request('Scribe'), await request('Clerk')]
    expect(await json('approvals', 'ls', ...of(here), '--status', 'pending')).toHaveLength(2)
    expect((await run(['approvals', 'show', first])).out).toContain('"name": "Scribe"')
    expect(await run(['approvals', 'approve', first, '--hash', 'of-another-payload', '--yes'])).toMatchObject({ exit: 4 })
    expect((await run(['approvals', 'approve', first, '--yes', '--note', 'welcome'])).out).toBe('The approval is approved.\n')
    expect((await run(['approvals', 'reject', second, '--yes'])).out).toBe('The approval is rejected.\n')
    expect(await run(['approvals', 'approve', second, '--yes'])).toMatchObject({ exit: 4 })
  })
})

describe('activity', () => {
  test('The last rows are printed oldest first, followed without a gap, verified and exported whole', async () => {
    const here = await world(server())
    const first = await here.issue()
    const lines = (await run(['activity', 'tail', ...of(here)])).out.trim().split('\n')
    expect(lines.at(-1)).toContain(`issue.created issue ${first.id} by user`)
    const stop = new AbortController()
    let adding: Promise<unknown> | undefined
    const followed = await run(['activity', 'tail', ...of(here), '--follow', '--json', '--limit', '1'], {
      signal: stop.signal,
      onOutput: (text) => {
        adding ??= here.issue({ title: 'The next one' })
        if (text.trim().split('\n').length === 2) stop.abort()
      },
    })
    await adding
    expect(
      followed.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).action),
    ).toEqual(['issue.created', 'issue.created'])
    expect(await run(['activity', 'tail', '--instance', '--follow'])).toMatchObject({ exit: 2 })
    expect(await run(['activity', 'verify', ...of(here)])).toMatchObject({ exit: 0, out: expect.stringContaining('unbroken') as string })
    const exported = (await run(['activity', 'export', ...of(here)])).out.trim().split('\n')
    expect(JSON.parse(exported.at(-1) ?? '')).toMatchObject({ head: { companyId: here.company.id } })
  })
})

describe('token', () => {
  test('The place of the token and the caller are shown; a key is created, listed and revoked', async () => {
    const here = await world(server())
    const agent = await here.agent()
    expect(await json('token', 'where')).toMatchObject({ server: server().url, kind: 'board' })
    const created = await run(['token', 'create', agent.id, '--name', 'laptop', '--scope', 'read'])
    const key = created.out.trim()
    expect((await server().bearer(key).get('/api/agents/me')).body).toMatchObject({ id: agent.id })
    const keys = await json('token', 'ls', agent.name, ...of(here))
    const { id } = keys.find(({ name }: { name: string }) => name === 'laptop')
    expect(await run(['token', 'revoke', agent.id, id, '--yes'])).toMatchObject({ exit: 0 })
    expect((await server().bearer(key).get('/api/agents/me')).status).toBe(401)
  })

  test('The token of the home is printed for a pipe, and a home without one says so', async () => {
    const home = mkdtempSync(path.join(tmpdir(), 'paperclip-cli-'))
    onTestFinished(() => rmSync(home, { recursive: true }))
    expect(await runCommandLine(['token', 'print', '--home', home])).toMatchObject({ exit: 1 })
    const token = 'pcp_local_83f1c2a9d4e5b60718293a4b5c6d7e8f9a0b1c2d3e4f5061'
    writeFileSync(path.join(home, 'board-token'), `${token}\n`, { mode: 0o600 })
    expect((await runCommandLine(['token', 'print', '--home', home])).out).toBe(`${token}\n`)
    expect(await runCommandLine(['token', 'print', '--home', home], { columns: 80 })).toMatchObject({ exit: 2, out: '' })
  })
})

describe('user', () => {
  test('People are listed, invited and promoted, and get a new password and their second factor off', async () => {
    const ada = await person(server(), 'Ada')
    expect((await run(['user', 'ls'])).out).toContain(ada.email)
    expect((await run(['user', 'invite'])).out).toMatch(/\/invite\/pcp_bootstrap_[0-9a-f]{48}\n$/)
    expect(await run(['user', 'promote', ada.email])).toMatchObject({ exit: 2 })
    expect((await run(['user', 'promote', ada.email, '--yes'])).out).toContain('is an administrator')
    expect((await run(['user', 'reset-password', ada.id])).out).toMatch(/token=pcp_reset_[\w-]{43}/)
    expect(await run(['user', 'remove-second-factor', ada.email, '--yes'])).toMatchObject({
      exit: 4,
      err: expect.stringContaining('no second factor') as string,
    })
    expect(await run(['user', 'promote', 'unknown@example.com'])).toMatchObject({
      exit: 2,
      err: expect.stringContaining('No account has') as string,
    })
  })
})

describe('secrets', () => {
  test('A secret comes from a pipe or a file, is listed without its value, and the master key is rotated', async () => {
    const here = await world(server())
    const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-cli-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = path.join(folder, 'value')
    writeFileSync(file, 'a value from a file\n')
    const piped = await run(['secrets', 'create', 'PIPED', ...of(here), '--json'], { stdin: 'a value from a pipe\n' })
    expect(JSON.parse(piped.out)).toMatchObject({ name: 'PIPED', latestVersion: 1 })
    expect((await run(['secrets', 'create', 'FILED', ...of(here), '--value-file', file])).out).toBe('FILED is kept.\n')
    expect(await run(['secrets', 'create', 'EMPTY', ...of(here)])).toMatchObject({
      exit: 2,
      err: expect.stringContaining('The value is empty') as string,
    })
    const listed = await run(['secrets', 'ls', ...of(here), '--json'])
    expect(
      JSON.parse(listed.out)
        .map(({ name }: { name: string }) => name)
        .toSorted(),
    ).toEqual(['FILED', 'PIPED'])
    expect(`${piped.out}${listed.out}`).not.toContain('a value')
    // The key of a test server stands in no file, so its operator has to name the next one.
    expect(await run(['secrets', 'rotate-master-key', '--yes'])).toMatchObject({
      exit: 4,
      err: expect.stringContaining('PAPERCLIP_SECRETS_MASTER_KEY') as string,
    })
  })
})

test('A command without --company takes the only company, and names the choices where there are several', async () => {
  const [here] = [await world(server()), await world(server())]
  const { exit, err } = await run(['locks', 'ls'])
  expect(exit).toBe(2)
  expect(err).toContain('There are several companies: give --company')
  expect((await run(['locks', 'ls', '--company', here.company.issuePrefix.toLowerCase()])).exit).toBe(0)
  expect((await run(['locks', 'ls'], { env: { PAPERCLIP_COMPANY_ID: here.company.id } })).exit).toBe(0)
})
