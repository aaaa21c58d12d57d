// A worker's end of the channel: what it shares with the other workers.

import type { Peers, PeerAnswers } from '../../platform/kernel/peers.ts'
import type { FromWorker, Notice, ToWorker } from './messages.ts'

/** Longer than the other end waits for the last answer. */
const GIVE_UP_MS = 3000

type Send = (message: FromWorker) => void

/** Requests that wait for a reply, by number. A reply that does not come counts as the one that is given for that case. */
function createReplies<T>(missing: T) {
  const waiting = new Map<number, (value: T) => void>()
  let lastId = 0
  return {
    expect: (send: (id: number) => void): Promise<T> =>
      new Promise((resolve) => {
        const id = (lastId += 1)
        const settle = (value: T): void => {
          clearTimeout(timer)
          waiting.delete(id)
          resolve(value)
        }
        const timer = setTimeout(() => settle(missing), GIVE_UP_MS).unref()
        waiting.set(id, settle)
        send(id)
      }),
    settle: (id: number, value: T): void => waiting.get(id)?.(value),
  }
}

/** The peers of a worker, and what takes the messages that arrive for it. */
export interface Channel {
  readonly peers: Peers
  readonly receive: (message: ToWorker) => void
}

/**
 * @param number of this worker
 * @param earlier the notices that were sent before it was started
 */
export function createChannel(number: number, earlier: readonly Notice[], send: Send): Channel {
  const answers = createReplies<PeerAnswers>({ answers: [], isComplete: false })
  const taken = createReplies<number | undefined>(undefined)
  const givers = new Map<string, () => unknown>()
  const takers = new Map<string, (value: unknown) => void>()
  let unread = [...earlier]

  const reply = async (id: number, topic: string): Promise<void> => {
    const give = givers.get(topic)
    // A worker that does not know the topic yet has nothing to say about it.
    send({ kind: 'answer', id, value: give === undefined ? null : await give() })
  }

  const deliver = (notice: Notice): void => {
    const take = takers.get(notice.topic)
    if (take === undefined) unread.push(notice)
    else take(notice.value)
  }

  return {
    peers: {
      number,
      ask: (topic) => answers.expect((id) => send({ kind: 'ask', id, topic })),
      answer: (topic, give) => void givers.set(topic, give),
      notify: (topic, value) => send({ kind: 'notify', notice: { topic, value }, isHint: false }),
      hint: (topic) => send({ kind: 'notify', notice: { topic, value: null }, isHint: true }),
      onNotice(topic, take) {
        takers.set(topic, take)
        const earlierOnes = unread.filter((notice) => notice.topic === topic)
        unread = unread.filter((notice) => notice.topic !== topic)
        for (const { value } of earlierOnes) take(value)
      },
      keep: (key, untilMs) => send({ kind: 'keep', key, untilMs }),
      take: (key) => taken.expect((id) => send({ kind: 'take', id, key })),
    },
    receive(message) {
      if (message.kind === 'question') void reply(message.id, message.topic).catch(() => {})
      else if (message.kind === 'answers') answers.settle(message.id, { answers: message.answers, isComplete: message.isComplete })
      else if (message.kind === 'taken') taken.settle(message.id, message.untilMs)
      else if (message.kind === 'notice') deliver(message.notice)
    },
  }
}
