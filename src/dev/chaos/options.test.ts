import { describe, expect, test } from 'vitest'
import { mutants } from './mutants.ts'
import { helpText, readOptions } from './options.ts'

describe('the options of the chaos test', () => {
  test('An option on the command line takes precedence over its environment variable', () => {
    const env = { CHAOS_SECONDS: '7', CHAOS_SEED: '8', CHAOS_AGENTS: '25', CHAOS_WORKERS: '4' }
    expect(readOptions([], env)).toMatchObject({ seconds: 7, seed: 8, agents: 25, workers: 4, mutants: [], help: false })
    expect(readOptions([], {})).toMatchObject({ workers: 1 })
    expect(readOptions(['--seconds', '9', '--seed', '1234'], env)).toMatchObject({ seconds: 9, seed: 1234, agents: 25 })
  })

  test('An invalid number or an unknown mutant is refused with a message that names the option or the mutants', () => {
    expect(() => readOptions(['--agents', '19'], {})).toThrow('--agents must be an integer of at least 20')
    expect(() => readOptions(['--seconds', 'x'], {})).toThrow('--seconds must be an integer of at least 1')
    expect(() => readOptions(['--workers', '9'], {})).toThrow('--workers must be at most 8')
    expect(() => readOptions(['--mutant', 'none'], {})).toThrow('lease-ignored')
  })

  test('The help text describes every option and every mutant', () => {
    expect(readOptions(['--help'], {}).help).toBe(true)
    for (const option of ['seconds', 'seed', 'agents', 'workers', 'mutant', 'mutants', 'help']) expect(helpText).toContain(`  --${option} `)
    for (const { name, description } of mutants) expect(helpText).toContain(`  ${name}: ${description}`)
  })
})
