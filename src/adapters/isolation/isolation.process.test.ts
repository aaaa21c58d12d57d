import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isAlive, outcomeOf } from '../testKit.ts'
import { descendantsOf } from '../processIdentity.ts'
import { AGENT, isRoot, isolatedServer, OTHER_AGENT, temporaryFolder, workingWays } from './testKit.ts'

const ways = await workingWays()
const OWN_UID = process.getuid?.() ?? 0

describe('An isolation that this machine has', () => {
  test.skipIf(ways.length > 0)('This machine can make no namespace, so the tests of namespaces are skipped', () => {
    expect(ways).toEqual([])
  })
})

describe.each(ways)('A run that is isolated by $name', (way) => {
  test('A command cannot read the secrets of the server, its environment or its home', async () => {
    const server = await isolatedServer({ way })
    const script = `cat ${server.secretFile}; cat /proc/${process.pid}/environ; ls -A ${server.home} ${server.operatorHome}; echo done`
    const shown = await server.output(script)
    expect(shown).not.toContain('the secret of the server')
    expect(shown).not.toContain('PATH=')
    expect(shown).not.toContain('agent-jwt-secret')
    expect(shown).toContain('done')
  })

  test('A command sees no process but those of its run, and signals none of them', async () => {
    const server = await isolatedServer({ way })
    const shown = await server.output(`kill -0 ${process.pid} && echo signalled; kill -KILL 1; ls /proc | grep -c '^[0-9]'`)
    expect(shown).not.toContain('signalled')
    expect(Number(shown)).toBeLessThan(10)
  })

  test.runIf(isRoot)('A command has an account of its own, no capability, no further group, and no way to more', async () => {
    const server = await isolatedServer({ way })
    const shown = await server.output("id -u; id -G; grep -E '^(Cap|NoNewPrivs)' /proc/self/status; umask")
    const [uid, groups, ...status] = shown.trim().split('\n')
    expect(Number(uid)).toBeGreaterThan(60_000)
    expect(groups?.split(' ')).toHaveLength(1)
    expect(status.filter((line) => line.startsWith('Cap')).every((line) => /\t0+$/.test(line))).toBe(true)
    expect(status).toEqual(expect.arrayContaining(['NoNewPrivs:\t1', '0077']))
  })

  test('A command may start 4,096 processes, write files of 16 GiB and leave no core, and cannot raise that', async () => {
    const server = await isolatedServer({ way })
    const shown = await server.output(
      "ulimit -f unlimited 2>/dev/null && echo raised; grep -E '^Max (file size|core file size|processes)' /proc/self/limits",
    )
    const limits = shown.trim().split('\n')
    expect(limits.map((line) => line.split(/\s{2,}/).slice(0, 3))).toEqual([
      ['Max file size', String(16 * 1024 ** 3), String(16 * 1024 ** 3)],
      ['Max core file size', '0', '0'],
      ['Max processes', '4096', '4096'],
    ])
  })

  test('An agent cannot read the folder, the home or the token of another agent', async () => {
    const server = await isolatedServer({ way })
    const other = server.start('echo theirs > notes; echo theirs > $HOME/notes; echo ready; sleep 60', { agentId: OTHER_AGENT })
    await other.recorded.waitForText('ready')
    const folders = ['work', 'agents', 'runs'].map((folder) => path.join(server.home, folder)).join(' ')
    const shown = await server.output(`find ${folders} -name notes; ls ${server.home}/runs; cat /proc/*/environ | tr '\\0' '\\n'`)
    expect(shown).not.toContain('notes')
    expect(shown).not.toContain(other.job.runId)
    expect(shown).not.toContain(OTHER_AGENT)
    if (isRoot) {
      const owners = [AGENT, OTHER_AGENT].map((agent) => statSync(path.join(server.home, 'work', agent)))
      expect(new Set(owners.map(({ uid }) => uid)).size).toBe(2)
      expect(owners.map(({ mode }) => mode & 0o777)).toEqual([0o700, 0o700])
    }
  })

  test('An agent finds its folder and its home again in the next run', async () => {
    const server = await isolatedServer({ way })
    await server.output('echo mine > notes; echo mine > $HOME/notes; echo mine > /tmp/notes')
    expect(await server.output('cat notes $HOME/notes; cat /tmp/notes || true')).toBe('mine\nmine\n')
  })

  test('A command reaches a server on loopback, and no socket of the host that is a file', async () => {
    const server = await isolatedServer({ way })
    const listener = createServer((socket) => socket.end('hello'))
    listener.listen(0, '127.0.0.1')
    const local = createServer((socket) => socket.end('hello'))
    local.listen(path.join(server.home, 's'))
    onTestFinished(() => {
      listener.close()
      local.close()
    })
    await Promise.all([once(listener, 'listening'), once(local, 'listening')])
    const { port } = listener.address() as { port: number }
    const connect = (to: string): string =>
      `node -e 'require("net").connect(${to}).on("data", (d) => console.log(String(d))).on("error", (e) => console.log(e.code))'`
    expect(await server.output(connect(String(port)))).toBe('hello\n')
    expect(await server.output(connect(`"${server.home}/s"`))).toBe('ENOENT\n')
  })

  test('A child process with a session of its own and no environment ends with a cancelled run', async () => {
    const server = await isolatedServer({ way })
    const run = server.start('setsid env -i sleep 6000 & echo ready; sleep 60')
    await run.recorded.waitForText('ready')
    const started = run.recorded.events.find(({ kind }) => kind === 'started')
    const pid = started?.kind === 'started' ? started.process.pid : 0
    const stray = await firstSleepOf(pid)
    run.cancel('Cancelled')
    expect((await outcomeOf(run)).status).toBe('cancelled')
    expect(isAlive(stray)).toBe(false)
  })

  test('A child process with a session of its own and no environment ends with the ordinary exit of the command', async () => {
    const server = await isolatedServer({ way })
    const run = server.start('setsid env -i sleep 6000 & echo ready; sleep 1; exit 0')
    await run.recorded.waitForText('ready')
    const started = run.recorded.events.find(({ kind }) => kind === 'started')
    const pid = started?.kind === 'started' ? started.process.pid : 0
    const stray = await firstSleepOf(pid)
    expect(await outcomeOf(run)).toMatchObject({ status: 'succeeded', exitCode: 0 })
    expect(isAlive(stray)).toBe(false)
  })

  test('A command may still end by itself after SIGTERM, and is killed after the grace period when it ignores it', async () => {
    const server = await isolatedServer({ way })
    const graceful = server.start("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    await graceful.recorded.waitForText('ready')
    graceful.cancel('Cancelled')
    expect((await outcomeOf(graceful)).status).toBe('cancelled')
    expect(graceful.recorded.text('stdout')).toBe('ready\nbye\n')
    expect(graceful.recorded.signals()).toEqual(['SIGTERM'])
    const stubborn = server.start("trap '' TERM; echo ready; while :; do sleep 0.05; done", { config: { graceSec: 0.2 } })
    await stubborn.recorded.waitForText('ready')
    stubborn.cancel('Cancelled')
    expect((await outcomeOf(stubborn)).status).toBe('cancelled')
    expect(stubborn.recorded.signals()).toEqual(['SIGTERM', 'SIGKILL'])
  })

  test('The token of a run is in no command line of this host, and its private folder is gone after the run', async () => {
    const server = await isolatedServer({ way })
    const run = server.start('echo ready; sleep 60')
    await run.recorded.waitForText('ready')
    const lines = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    const shown = lines.map((pid) => commandLineOf(pid)).join('\n')
    expect(shown).toContain(run.job.runId)
    expect(shown).not.toContain(run.job.token)
    run.cancel('Cancelled')
    await run.outcome
    expect(readdirSync(path.join(server.home, 'runs'))).toEqual([])
  })

  test('A variable that a loader reads is not read by what puts the command into its namespace', async () => {
    const server = await isolatedServer({ way })
    const config = { env: { LD_PRELOAD: '/nowhere/evil.so', QUOTED: `it's "$HOME" and \\ and\nmore` } }
    const run = server.start('printf %s "$QUOTED"', { config })
    expect((await outcomeOf(run)).stdoutExcerpt).toBe(`it's "$HOME" and \\ and\nmore`)
    // The loader complains once for each program that it loads with the variable: the command, and none of the wrapper's.
    expect(run.recorded.text('stderr').match(/evil\.so/g)).toHaveLength(1)
  })

  test('The working folder of a project stays with its owner, whatever the agent writes there', async () => {
    const server = await isolatedServer({ way })
    const project = temporaryFolder()
    writeFileSync(path.join(project, 'theirs'), 'theirs', { mode: 0o600 })
    const script = 'cat theirs; echo mine > mine; mkdir deep; echo mine > deep/mine; git init -q . && git add -A && git status --short'
    expect(await server.output(script, { config: { cwd: project } })).toContain('theirsA  deep/mine')
    const owners = ['mine', 'deep', 'deep/mine', '.git/index'].map((file) => statSync(path.join(project, file)).uid)
    expect(new Set(owners)).toEqual(new Set([OWN_UID]))
    expect(readFileSync(path.join(project, 'deep/mine'), 'utf8')).toBe('mine\n')
  })

  test('A folder that shows the home of the server or of the operator is refused with the one setting', async () => {
    const server = await isolatedServer({ way })
    for (const cwd of [server.operatorHome, server.home, '/']) {
      const end = await outcomeOf(server.start('ls', { config: { cwd } }))
      expect(end).toMatchObject({ status: 'failed', errorCode: 'adapter_spawn_failed' })
      expect(end.error).toMatch(/may not have .*To change that: configure a folder below it as cwd/)
    }
  })

  test('A link that leads to the home of the server is refused as the home itself is', async () => {
    const server = await isolatedServer({ way })
    const link = path.join(temporaryFolder(), 'link')
    symlinkSync(server.home, link)
    expect((await outcomeOf(server.start('ls', { config: { cwd: link } }))).error).toContain('it shows files of this server')
    expect((await outcomeOf(server.start('ls', { config: { env: { WHERE: link } } }))).error).toContain('PAPERCLIP_AGENT_PATHS')
  })

  test('An agent has the paths that the operator allows and its configuration names, and no others', async () => {
    const [allowed, readOnly, named, hidden] = [temporaryFolder(), temporaryFolder(), temporaryFolder(), temporaryFolder()]
    for (const folder of [allowed, readOnly, named, hidden]) writeFileSync(path.join(folder, 'file'), folder)
    const server = await isolatedServer({
      way,
      allowed: [
        { path: allowed, isReadOnly: false },
        { path: readOnly, isReadOnly: true },
      ],
    })
    const script = `cat ${allowed}/file ${readOnly}/file "$NAMED" ${hidden}/file; echo; touch ${allowed}/new && echo written; touch ${readOnly}/new || echo refused`
    const shown = await server.output(script, { config: { env: { NAMED: path.join(named, 'file') } } })
    expect(shown).toContain(`${allowed}${readOnly}${named}\nwritten\nrefused`)
    expect([existsSync(path.join(allowed, 'new')), existsSync(path.join(readOnly, 'new'))]).toEqual([true, false])
  })

  test('A worktree brings its repository only when the repository names it back', async () => {
    const server = await isolatedServer({ way })
    const [project, repository] = [temporaryFolder(), temporaryFolder()]
    mkdirSync(path.join(repository, 'worktrees/w'), { recursive: true })
    writeFileSync(path.join(project, '.git'), `gitdir: ${repository}/worktrees/w\n`)
    writeFileSync(path.join(repository, 'worktrees/w/commondir'), '../..\n')
    const script = `ls -d ${repository} || true`
    expect(await server.output(script, { config: { cwd: project } })).toBe('')
    writeFileSync(path.join(repository, 'worktrees/w/gitdir'), `${project}/.git\n`)
    expect(await server.output(script, { config: { cwd: project } })).toBe(`${repository}\n`)
  })

  test('A command that does not exist fails the run as without isolation', async () => {
    const server = await isolatedServer({ way })
    const end = await outcomeOf(server.startAs('process', { command: 'no-such-program' }))
    expect(end).toMatchObject({
      errorCode: 'adapter_spawn_failed',
      error: expect.stringMatching(/^The command cannot be started: no-such-program .(ENOENT|EACCES).$/),
    })
  })
})

const commandLineOf = (pid: number | string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** The process that left its session, among those that a wrapper has started. */
async function firstSleepOf(pid: number): Promise<number> {
  for (;;) {
    const found = descendantsOf(pid).find((each) => commandLineOf(each).includes('6000') && commandLineOf(each).startsWith('sleep'))
    if (found !== undefined) return found
    await new Promise((resolve) => void setImmediate(resolve))
  }
}
