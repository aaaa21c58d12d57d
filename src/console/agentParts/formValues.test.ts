import { describe, expect, test } from 'vitest'
import { fieldsOf } from './adapterFields.ts'
import { carriedOver, configOf, faultOf, referenceTo, secretIdOf, valuesOf } from './formValues.ts'
import type { Config, FormValues } from './formValues.ts'

const stored: Config = {
  command: 'node',
  args: ['agent.js', '--fast'],
  env: { TOKEN: { type: 'plain', value: '***REDACTED***' }, KEY: { type: 'secret_ref', secretId: 's1' } },
  timeoutSec: 60,
  workspaceStrategy: { kept: true },
}
const change = (fields: FormValues): Config => configOf('process', { ...valuesOf('process', stored), ...fields }, stored)

describe('the form of a configuration', () => {
  test('A form that was not touched makes exactly the configuration that it began with', () => {
    expect(change({})).toEqual(stored)
    const odd: Config = { command: '', args: [], env: {}, cwd: null, timeoutSec: 0, graceSec: null }
    expect(configOf('process', valuesOf('process', odd), odd)).toEqual(odd)
  })

  test('Changed fields are written, empty ones left out, and fields of no form kept', () => {
    expect(change({ args: 'one\ntwo three\n', timeoutSec: '', cwd: '/srv' })).toEqual({
      command: 'node',
      args: ['one', 'two three'],
      env: stored['env'],
      cwd: '/srv',
      workspaceStrategy: { kept: true },
    })
  })

  test('A covered value and a reference stay, a new value has its text', () => {
    const { env } = valuesOf('process', stored)
    const pairs = Array.isArray(env) ? env : []
    expect(change({ env: [...pairs, { name: ' MODE ', text: 'fast', stored: undefined }] })['env']).toEqual({
      TOKEN: { type: 'plain', value: '***REDACTED***' },
      KEY: { type: 'secret_ref', secretId: 's1' },
      MODE: 'fast',
    })
    const replaced = pairs.map((pair) => (pair.name === 'TOKEN' ? { ...pair, text: 'new' } : pair))
    expect(change({ env: replaced })['env']).toMatchObject({ TOKEN: { type: 'plain', value: 'new' } })
    expect(change({ env: [] })).not.toHaveProperty('env')
  })

  test('A value can be a reference to a secret, and a text that is typed over it takes its place', () => {
    expect([secretIdOf({ type: 'secret_ref', secretId: 's1' }), secretIdOf('s1'), secretIdOf({ type: 'plain', value: 's1' })]).toEqual([
      's1',
      null,
      null,
    ])
    const chosen = { name: 'KEY', text: '', stored: referenceTo('s2') }
    expect(change({ env: [chosen] })['env']).toEqual({ KEY: { type: 'secret_ref', secretId: 's2', version: 'latest' } })
    expect(change({ env: [{ ...chosen, text: 'typed' }] })['env']).toEqual({ KEY: 'typed' })
  })

  test('A switch that was never set stays unset, and one that was set can be set off', () => {
    const claude = (config: Config, isOn: boolean): Config =>
      configOf('claude_local', { ...valuesOf('claude_local', config), chrome: isOn }, config)
    expect(claude({}, false)).toEqual({})
    expect(claude({}, true)).toEqual({ chrome: true })
    expect(claude({ chrome: true }, false)).toEqual({ chrome: false })
  })

  test('Another type begins with the fields that both have', () => {
    expect(carriedOver('process', 'claude_local', stored)).toEqual({ command: 'node', env: stored['env'], timeoutSec: 60 })
    expect(carriedOver('process', 'http', stored)).toEqual({ timeoutSec: 60 })
  })

  test('A number outside of its limits, a name twice and a text that is no JSON are faults', () => {
    const field = (type: string, name: string) => fieldsOf(type).find((each) => each.name === name) ?? expect.fail(name)
    expect(faultOf(field('process', 'graceSec'), '301')).toBe('A number from 0 to 300')
    expect(faultOf(field('claude_local', 'maxTurnsPerRun'), '1.5')).toBe('A number from 0 to 100000')
    expect(faultOf(field('process', 'graceSec'), '')).toBeNull()
    expect(faultOf(field('http', 'payloadTemplate'), '[1]')).toBe('An object is expected: { … }')
    expect(faultOf(field('http', 'payloadTemplate'), '{')).toContain('This is not JSON')
    const twice = [1, 2].map((text) => ({ name: 'A', text: String(text), stored: undefined }))
    expect(faultOf(field('process', 'env'), twice)).toBe('Each name once')
  })
})
