import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { outcomeOf } from '../testKit.ts'
import { isolatedServer, workingWays } from './testKit.ts'

const ways = await workingWays()

describe.each(ways)('An agent of before isolation, on a server that isolates by $name', (way) => {
  test('An agent that needs a path which isolation keeps from it goes on as it was, and its run says what is missing', async () => {
    const server = await isolatedServer({ way })
    const config = { cwd: server.operatorHome }
    const run = server.start('cat .paperclip-server/agent-jwt-secret', { config, isolation: 'pending' })
    expect((await outcomeOf(run)).status).toBe('succeeded')
    expect(run.recorded.text('stdout')).toBe('the secret of the server')
    expect(run.recorded.events[0]).toEqual({
      kind: 'isolation_tried',
      problems: [expect.stringMatching(/may not have .*To change that: configure a folder below it as cwd/)],
    })
    // The same configuration for an agent that is isolated already: no way back.
    expect((await outcomeOf(server.start('ls', { config, isolation: 'required' }))).errorCode).toBe('adapter_spawn_failed')
  })

  test('An agent that lacks nothing runs isolated at once, and its run says so', async () => {
    const server = await isolatedServer({ way })
    const project = path.join(server.operatorHome, 'project')
    mkdirSync(project)
    const run = server.start(`cat ${server.secretFile} || echo kept`, { config: { cwd: project }, isolation: 'pending' })
    await outcomeOf(run)
    expect(run.recorded.text('stdout')).toBe('kept\n')
    expect(run.recorded.events[0]).toEqual({ kind: 'isolation_tried', problems: [] })
  })

  test('The preflight of a configuration names the path that isolation keeps from it, and the one setting', async () => {
    const server = await isolatedServer({ way })
    const codes = async (config: object) => await server.adapters.runPreflight('process', { command: 'ls', ...config }, true)
    expect(await codes({ cwd: server.operatorHome })).toContainEqual(
      expect.objectContaining({ level: 'error', code: 'isolation_lacks', message: expect.stringContaining(server.operatorHome) }),
    )
    expect(await codes({ args: [server.secretFile] })).toContainEqual(
      expect.objectContaining({ code: 'isolation_lacks', message: expect.stringContaining('PAPERCLIP_AGENT_PATHS') }),
    )
    expect(await codes({})).toContainEqual(expect.objectContaining({ level: 'info', code: 'isolated' }))
  })
})
