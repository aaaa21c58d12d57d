import { expect, test } from 'vitest'
import { adapterTypes } from '../model/adapterTypes.ts'
import { adaptersWith, outcomeOf, jobWith, recorder, shellCommand, startTestRun } from './testKit.ts'

test('An operator decides which adapters this server runs', async () => {
  const adapters = adaptersWith({ allowedTypes: ['http', 'claude_local'] })
  expect(adapters.types).toEqual(['http', 'claude_local'])
  expect(['process', 'http', 'constructor', ''].filter(adapters.supports)).toEqual(['http'])
  expect(adapters.validateConfig('process', { command: 'true' })).toEqual({
    ok: false,
    problems: ['This server does not run agents of the type process'],
  })
  const recorded = recorder()
  for (const type of ['process', 'constructor', '__proto__', 'plugin'])
    expect(await outcomeOf(adapters.start(type, jobWith(shellCommand('echo started')), recorded))).toMatchObject({
      errorCode: 'adapter_not_allowed',
    })
  expect(recorded.events).toEqual([])
})

test('The validation of a configuration reports the secrets that it needs and the names that it ignores', () => {
  const { validateConfig } = adaptersWith()
  const env = { A: 'x', B: { type: 'plain', value: 'y' }, C: { type: 'secret_ref', secretId: 's1', version: 'latest' } }
  expect(validateConfig('claude_local', { env, model: '', cwd: null, timeoutSec: 0, workspaceStrategy: {}, shell: true })).toEqual({
    ok: true,
    ignored: ['workspaceStrategy', 'shell'],
    secrets: [{ path: 'env.C', secretId: 's1', version: 'latest' }],
  })
  expect(
    validateConfig('openclaw_gateway', { url: 'wss://claw.example', authToken: { type: 'secret_ref', secretId: 's2' } }),
  ).toMatchObject({
    ok: true,
    secrets: [{ path: 'authToken', secretId: 's2' }],
  })
})

test('Every local agent runs without any configuration; the other adapters need a command or a URL', () => {
  const { validateConfig } = adaptersWith()
  const incomplete = adapterTypes.filter((type) => !validateConfig(type, {}).ok)
  expect(incomplete).toEqual(['process', 'http', 'openclaw_gateway'])
})

test.each([
  ['process', { command: '' }, 'command'],
  ['process', { command: 'a\0b' }, 'command'],
  ['process', { command: 'true', args: 'a b' }, 'args'],
  ['process', { command: 'true', cwd: 'relative' }, 'cwd'],
  ['process', { command: 'true', env: { 'A=B': 'x' } }, 'env'],
  ['process', { command: 'true', env: { A: 7 } }, 'env'],
  ['process', { command: 'true', timeoutSec: 86_401 }, 'timeoutSec'],
  ['process', { command: 'true', timeoutSec: -1 }, 'timeoutSec'],
  ['process', { command: 'true', graceSec: 301 }, 'graceSec'],
  ['claude_local', { model: '--dangerously-skip-permissions' }, 'model'],
  ['codex_local', { modelReasoningEffort: 'high" -c x="' }, 'modelReasoningEffort'],
  ['pi_local', { instructionsFilePath: '../secret' }, 'instructionsFilePath'],
  ['openclaw_gateway', { url: 'ftp://a.example' }, 'url'],
  ['process', 'text', 'config'],
  ['process', [], 'config'],
])('A configuration of %s with %j is refused by the name of the field', async (type, config, field) => {
  const checked = adaptersWith().validateConfig(type, config)
  expect(checked).toMatchObject({ ok: false, problems: [expect.stringMatching(new RegExp(`^${field}`))] })
  expect(await outcomeOf(startTestRun(type as 'process', config))).toMatchObject({ status: 'failed', errorCode: 'adapter_config_invalid' })
})

test('The problems of a configuration do not repeat values that may be secrets', () => {
  const checked = adaptersWith().validateConfig('process', {
    command: 'true',
    env: { KEY: { type: 'plain', value: 'hunter2\0' } },
    args: { k: 'hunter2' },
  })
  expect(JSON.stringify(checked)).not.toContain('hunter2')
})
