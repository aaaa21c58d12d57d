import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { runVariables } from '../adapters/environment.ts'
import { startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import { existsSync } from 'node:fs'
import { readConfig, variableNames } from './config.ts'

const problemsOf = (env: Record<string, string>): readonly string[] => {
  const read = readConfig(env)
  return 'problems' in read ? read.problems : []
}

describe('variables that this server does not have', () => {
  test('A slip in a name ends the start with the name that was meant (K34)', () => {
    expect(problemsOf({ PAPERCLIP_MAX_RUN: '4', PAPERCLIP_ADAPTER: 'process', PAPERCLIP_PORT: '4000', PORT: 'many' })).toEqual([
      'PAPERCLIP_MAX_RUN: is no variable of this server; PAPERCLIP_MAX_RUNS is',
      'PAPERCLIP_ADAPTER: is no variable of this server; PAPERCLIP_ADAPTERS is',
      'PAPERCLIP_PORT: is no variable of this server; PORT is',
      'PORT: must be a whole number',
    ])
    expect(problemsOf({ PAPERCLIP_SKILLS_FOLDERS: '/srv' })).toEqual([
      'PAPERCLIP_SKILLS_FOLDERS: is no variable of this server; PAPERCLIP_SKILL_FOLDERS is',
    ])
    expect(problemsOf({ PAPERCLIP_XYZZYQ: 'secret value' })).toEqual(['PAPERCLIP_XYZZYQ: is no variable of this server'])
    expect(problemsOf({ PAPERCLIP_MAX_RUN: '' })).toEqual([])
  })

  test('Variables of agents, of clients and of orchestrators do not end a start (K34)', () => {
    const ofRun = Object.fromEntries(Object.keys(runVariables).map((name) => [name, 'http://127.0.0.1:3100']))
    expect(problemsOf({ ...ofRun, PAPERCLIP_CONTEXT: 'x', PAPERCLIP_PROFILE: 'x', PAPERCLIP_WORKSPACE_ID: 'x' })).toEqual([])
    const ofService = {
      PAPERCLIP_SERVICE_HOST: '10.0.0.1',
      PAPERCLIP_SERVICE_PORT_HTTP: '80',
      PAPERCLIP_PORT: 'tcp://10.0.0.1:80',
      PAPERCLIP_PORT_80_TCP_ADDR: '10.0.0.1',
      PAPERCLIP_SERVER_SERVICE_HOST: '10.0.0.1',
      PAPERCLIP_SERVER_PORT_3100_TCP: 'tcp://10.0.0.1:3100',
    }
    expect(problemsOf(ofService)).toEqual([])
  })

  test('Any single wrong letter in the name of a setting is noticed, and never repeats the value (K34)', () => {
    const settings = variableNames.filter((name) => name.startsWith('PAPERCLIP_'))
    fc.assert(
      fc.property(fc.constantFrom(...settings), fc.nat(), fc.constantFrom('', 'Q', 'Z'), (name, at, letter) => {
        const place = 'PAPERCLIP_'.length + (at % (name.length - 'PAPERCLIP_'.length))
        const slip = `${name.slice(0, place)}${letter}${name.slice(place + 1)}`
        fc.pre(!variableNames.includes(slip))
        const problems = problemsOf({ [slip]: 'do-not-repeat' })
        expect(problems).toHaveLength(1)
        expect(problems[0]).toContain(`${slip}: is no variable`)
        expect(problems[0]).not.toContain('do-not-repeat')
      }),
    )
  })
})

describe('the arguments of the process', { timeout: 180_000 }, () => {
  test('`npm start -- --help` prints the variables, makes nothing and exits with code 0 (K34)', async () => {
    const server = startServerProcess({ home: temporaryHome(), viaNpm: true, args: ['--', '--help'], env: { PORT: 'many' } })
    expect(await server.exited).toEqual({ code: 0, signal: null })
    const said = server.lines.map(({ msg }) => msg).join('\n')
    for (const name of variableNames) expect(said).toContain(name)
    expect(existsSync(server.home)).toBe(false)
  })

  test('An argument that does not exist is refused, and nothing is started', async () => {
    const server = startServerProcess({ home: temporaryHome(), args: ['--port', '80'] })
    expect(await server.exited).toEqual({ code: 1, signal: null })
    expect(server.stderr()).toBe('paperclip-server cannot start:\n  --port: is no argument of this server; --help shows what it takes\n')
    expect(existsSync(server.home)).toBe(false)
  })
})
