import { expect, test } from 'vitest'
import { boardSentence } from './boardSentence.ts'
import type { BoardSummary } from './boardSentence.ts'

const facts: BoardSummary = {
  mode: 'implicit',
  reason: 'HOST is not a loopback address',
  uid: 1000,
  startsCommands: true,
  isolation: 'none',
  peopleSignIn: false,
}

const cases: readonly [Partial<BoardSummary>, string, string][] = [
  [{}, 'Every program of uid 1000 and of root on this machine is the board', 'share the account of this server'],
  [{ isolation: 'namespace' }, 'Every program of uid 1000 and of root', 'are in namespaces'],
  [{ uid: 0, isolation: 'account' }, 'Every program of root on this machine', 'have accounts of their own'],
  [{ uid: null }, 'Every program of this account', 'share the account'],
  [{ startsCommands: false }, 'Every program of uid 1000', 'this server starts no agents'],
  [{ mode: 'token' }, 'The board needs its token or a sign-in, because HOST is not a loopback address', 'share the account'],
  [{ mode: 'token', isolation: 'account' }, 'The board needs its token', 'have accounts of their own'],
  [{ mode: 'token', isolation: 'namespace' }, 'The board needs its token', 'are in namespaces'],
  [{ mode: 'token', startsCommands: false }, 'The board needs its token', 'this server starts no agents'],
]

test.each(cases)('The sentence for %j says who is the board and what agents can reach', (changed, who, reach) => {
  const sentence = boardSentence({ ...facts, ...changed })
  expect(sentence.startsWith(who), sentence).toBe(true)
  expect(sentence).toContain(reach)
  expect(sentence).toMatch(/^[^.]+\.$/)
})
