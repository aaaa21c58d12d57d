import { describe, expect, test } from 'vitest'
import { coverAll } from './coverAll.ts'
import { cleanLogLine, cleanNewest, cleanPostgresLine } from './logLines.ts'

const cleaned = (line: object): unknown => JSON.parse(cleanLogLine(JSON.stringify(line)) ?? 'null')

describe('a line of the log', () => {
  test('Ids, codes, numbers and the texts of this program are kept', () => {
    const line = {
      level: 30,
      time: 1,
      pid: 7,
      requestId: '4bf92f35',
      route: 'checkoutIssue',
      status: 409,
      ms: 9.5,
      actor: 'agent',
      code: 'lock_revoked',
      msg: 'request',
    }
    expect(cleaned(line)).toEqual(line)
  })

  test('Other texts, lists and the message of an error are left out, and the frames of the error are kept', () => {
    const err = {
      type: 'Error',
      code: 'EACCES',
      message: 'canary: /home/ada/plan.txt',
      frames: ['at run (src/x.ts:1)', 'canary'],
      cause: { type: 'canary with spaces' },
    }
    const line = {
      level: 50,
      time: 1,
      msg: 'a run could not be started',
      err,
      problems: ['canary'],
      agentName: 'canary',
      runId: 'a canary with spaces',
    }
    expect(cleaned(line)).toEqual({
      level: 50,
      time: 1,
      msg: 'a run could not be started',
      err: { type: 'Error', code: 'EACCES', frames: ['at run (src/x.ts:1)'], cause: { frames: [] } },
      problems: '(left out)',
      agentName: '(left out)',
      runId: '(left out)',
    })
  })

  test('The last words of a process are kept where they are a sentence of this program, and not where they are the message of an error', () => {
    expect(cleaned({ level: 60, time: 1, msg: 'Postgres 15 or newer is required' })).toMatchObject({
      msg: 'Postgres 15 or newer is required',
    })
    expect(cleaned({ level: 60, time: 1, msg: 'canary', err: { type: 'Error', frames: [] } })).toMatchObject({ msg: '(left out)' })
  })

  test.each(['', 'canary', '"canary"', '["canary"]', '{"msg":"canary"}', '{"level":30,"msg":{"canary":1}}'])(
    '%j is no line of this program',
    (line) => {
      expect(cleanLogLine(line)).toBeNull()
    },
  )
})

describe('a line of the log of Postgres', () => {
  const at = '2026-11-30 11:00:00.123 UTC [42]'

  test('A message of Postgres about itself is kept, without the texts that it quotes', () => {
    expect(cleanPostgresLine(`${at} LOG:  database system is ready to accept connections`)).toBe(
      `${at} LOG: database system is ready to accept connections`,
    )
    expect(cleanPostgresLine(`${at} FATAL:  password authentication failed for user "ada"`)).toBe(
      `${at} FATAL: password authentication failed for user "…"`,
    )
  })

  test.each([
    `${at} ERROR:  invalid input syntax for type uuid: "canary"`,
    `${at} DETAIL:  Key (name)=(canary) already exists.`,
    `${at} STATEMENT:  insert into issues values ('canary')`,
    `${at} LOG:  duration: 12 ms  statement: select 'canary'`,
    `\tcanary of a second line`,
    'canary',
  ])('%s is left out', (line) => {
    expect(cleanPostgresLine(line)).toBeNull()
  })

  test('The newest lines are taken, and those that are left out are counted', () => {
    const text = ['old', `${at} LOG:  shutting down`, 'canary', ''].join('\n')
    expect(cleanNewest(text, 2, cleanPostgresLine)).toEqual({ lines: [`${at} LOG: shutting down`], leftOut: 1 })
  })
})

describe('the last step', () => {
  const cover = coverAll({ secrets: ['hunter2-in-a-row'], accountFolder: '/home/ada', account: 'adalove', machine: 'ada-laptop' })

  test('Known secrets in every form, addresses, the account and the machine are covered', () => {
    const encoded = Buffer.from('x hunter2-in-a-row y').toString('base64')
    const text = cover(`hunter2-in-a-row ${encoded} ada@example.com /home/ada/work adalove on ADA-LAPTOP pcp_board_0123456789abcdef`)
    expect(text).not.toMatch(/hunter2|aHVudGVy|ada@|\/home\/ada|adalove|laptop|0123456789/i)
    expect(text).toContain('~/work (account) on (machine)')
  })

  test('A name within a word, and one that every machine has, stay', () => {
    expect(cover('adaloves')).toBe('adaloves')
    const ordinary = coverAll({ secrets: [], accountFolder: '/root', account: 'root', machine: 'localhost' })
    expect(ordinary('the root of localhost')).toBe('the root of localhost')
  })
})
