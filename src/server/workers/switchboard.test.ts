import { expect, test } from 'vitest'
import { createBoardSessions, createSharedBoardMemory } from '../../auth/boardSessions.ts'
import { createBoardToken } from '../../auth/boardToken.ts'
import { shareRecordState } from '../../observe/audit/index.ts'
import type { RecordState } from '../../observe/audit/heads.ts'
import { createChannel } from './channel.ts'
import type { Channel } from './channel.ts'
import { createSwitchboard } from './switchboard.ts'
import type { WorkerLine } from './switchboard.ts'

/** Workers without processes: their messages arrive in the next turn, as those of a channel do. */
function exchange(answerMs = 50) {
  const switchboard = createSwitchboard(answerMs)
  const start = (number: number) => {
    let channel: Channel | undefined
    const line: WorkerLine & { isStopped: boolean } = {
      isStopped: false,
      send: (message) => void setImmediate(() => line.isStopped || channel?.receive(message)),
    }
    switchboard.add(line)
    channel = createChannel(number, switchboard.notices(), (message) => void setImmediate(() => switchboard.handle(line, message)))
    switchboard.open(line)
    return { line, peers: channel.peers }
  }
  return { switchboard, start }
}

test('A question reaches every other worker and not the one that asks', async () => {
  const { start } = exchange()
  const workers = [1, 2, 3].map(start)
  for (const { peers } of workers) peers.answer('number', () => peers.number)
  const { answers, isComplete } = (await workers[1]?.peers.ask('number')) ?? {}
  expect({ answers: answers?.toSorted(), isComplete }).toEqual({ answers: [1, 3], isComplete: true })
})

test('A worker that is alone gets no answer and does not wait for one', async () => {
  expect(await exchange(60_000).start(1).peers.ask('number')).toEqual({ answers: [], isComplete: true })
})

test('A question to a worker that is stopped ends with the answers of the others, and says that one is missing', async () => {
  const { start } = exchange()
  const [one, two, three] = [start(1), start(2), start(3)]
  for (const { peers } of [two, three]) peers.answer('number', () => peers.number)
  three.line.isStopped = true
  expect(await one.peers.ask('number')).toEqual({ answers: [2], isComplete: false })
})

test('A question does not wait for a worker that has ended', async () => {
  const { start, switchboard } = exchange(60_000)
  const [one, two] = [start(1), start(2)]
  two.line.isStopped = true
  const asking = one.peers.ask('number')
  setImmediate(() => setImmediate(() => switchboard.remove(two.line)))
  expect(await asking).toEqual({ answers: [], isComplete: true })
})

test('A worker that fails to answer is not an error of the one that asks', async () => {
  const { start } = exchange()
  const [one, two] = [start(1), start(2)]
  two.peers.answer('number', () => {
    throw new Error('no number')
  })
  expect(await one.peers.ask('number')).toEqual({ answers: [], isComplete: false })
})

test('A notice reaches the other workers, and one that starts later reads it before the new ones', async () => {
  const { start } = exchange()
  const [one, two] = [start(1), start(2)]
  const seen: unknown[] = []
  two.peers.onNotice('news', (value) => seen.push(value))
  one.peers.notify('news', 'first')
  await expect.poll(() => seen).toEqual(['first'])
  const late: unknown[] = []
  const three = start(3)
  one.peers.notify('news', 'second')
  await expect.poll(() => seen).toEqual(['first', 'second'])
  three.peers.onNotice('news', (value) => late.push(value))
  expect(late).toEqual(['first', 'second'])
})

test('A link of the board lets one browser in, at whichever worker it arrives, and once', async () => {
  const { start } = exchange()
  const token = createBoardToken('pcp_local_one-token-of-the-board-for-tests')
  const [one, two] = [start(1), start(2)].map(({ peers }) => createBoardSessions(token, Date.now, createSharedBoardMemory(peers)))
  const { code } = one?.createLink() ?? { code: '' }
  const redeemed = await Promise.all([two?.redeem(code, 1), one?.redeem(code, 1), two?.redeem(code, 1)])
  expect(redeemed.filter((cookie) => cookie !== null)).toHaveLength(1)
  const cookie = redeemed.find((each) => each !== null) ?? ''
  const session = one?.verify(cookie) ?? null
  expect(session).not.toBeNull()
  if (session !== null) two?.end(session)
  await expect.poll(() => one?.verify(cookie)).toBeNull()
  expect(two?.verify(cookie)).toBeNull()
})

test('The knowledge of one worker about the record is that of all, and an acceptance by any of them ends it', async () => {
  const { start } = exchange()
  const states = [1, 2].map((number) => {
    const state: RecordState = { doubt: null, acceptances: 0 }
    shareRecordState(state, start(number).peers)
    return state
  })
  const [recorder, other] = states as [RecordState, RecordState]
  recorder.doubt = 'contradicted'
  await expect.poll(() => other.doubt).toBe('contradicted')
  other.doubt = null
  other.acceptances += 1
  await expect
    .poll(() => ({ ...recorder, doubt: recorder.doubt, acceptances: recorder.acceptances }))
    .toMatchObject({ doubt: null, acceptances: 1 })
})
