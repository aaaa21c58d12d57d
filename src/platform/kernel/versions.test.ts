import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { LEAST_NODE, LEAST_POSTGRES, nodeProblem, postgresProblem } from './versions.ts'

describe('nodeProblem', () => {
  test('The least version is the one that package.json states in engines', () => {
    const { engines } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { engines: { node: string } }
    expect(engines.node).toBe(`>=${LEAST_NODE}`)
  })

  test('A version of Node below the least one is a problem, and every later one is not', () => {
    expect(nodeProblem('20.18.3')).toBe('Node 20.19 or newer is required, and this is Node 20.18.3')
    expect(nodeProblem('18.20.0')).not.toBeNull()
    for (const version of ['20.19.0', '20.20.2', '22.0.0', process.versions.node]) expect(nodeProblem(version)).toBeNull()
  })
})

describe('postgresProblem', () => {
  test('A major version of Postgres below the least one is a problem, and every later one is not', () => {
    expect(postgresProblem(130_004)).toBe('Postgres 15 or newer is required, and the database is Postgres 13.4')
    for (const versionNumber of [LEAST_POSTGRES * 10_000, 180_004]) expect(postgresProblem(versionNumber)).toBeNull()
  })
})
