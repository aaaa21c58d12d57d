import { expect, test } from 'vitest'
import { decideBoardMode } from './boardMode.ts'
import type { BoardFacts } from './boardMode.ts'

const ordinary: BoardFacts = {
  asked: 'auto',
  peopleSignIn: false,
  listensBeyondLoopback: false,
  seesPeers: true,
  uid: 1000,
  startsCommands: true,
  isolation: 'none',
}

const safe: readonly [string, Partial<BoardFacts>][] = [
  ['an ordinary account whose agents share it', {}],
  ['an ordinary account whose agents are in a namespace', { isolation: 'namespace' }],
  ['root whose agents have accounts of their own', { uid: 0, isolation: 'account' }],
  ['root whose agents are in a namespace', { uid: 0, isolation: 'namespace' }],
  ['root that starts no command', { uid: 0, startsCommands: false }],
]

const unsafe: readonly [string, Partial<BoardFacts>, string][] = [
  ['a server that other machines reach', { listensBeyondLoopback: true }, 'HOST is not a loopback address'],
  ['a system that shows no accounts', { seesPeers: false }, 'cannot be found on this system'],
  ['a system without accounts as numbers', { seesPeers: false, uid: null }, 'cannot be found on this system'],
  ['the account that unknown accounts are shown as', { uid: 65_534 }, 'which others share'],
  ['root whose agents are root as well', { uid: 0 }, 'is root and cannot give its agents another account'],
]

test.each(safe)('For %s the account proves the board, unless the operator asks for the token', (_, facts) => {
  expect(decideBoardMode({ ...ordinary, ...facts })).toMatchObject({ mode: 'implicit' })
  expect(decideBoardMode({ ...ordinary, ...facts, asked: 'implicit' })).toMatchObject({ mode: 'implicit' })
  expect(decideBoardMode({ ...ordinary, ...facts, asked: 'token' })).toEqual({ mode: 'token', reason: 'PAPERCLIP_BOARD=token' })
})

test.each(unsafe)('For %s the board needs its token, and a configured implicit mode ends the start', (_, facts, reason) => {
  expect(decideBoardMode({ ...ordinary, ...facts })).toEqual({ mode: 'token', reason: expect.stringContaining(reason) })
  expect(decideBoardMode({ ...ordinary, ...facts, asked: 'implicit' })).toEqual({ problem: expect.stringContaining(reason) })
})
