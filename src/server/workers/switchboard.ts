// Carries questions, notices and kept keys between the workers. It knows no process: a line is anything that takes messages.

import { createBoundedCache } from '../../platform/kernel/boundedCache.ts'
import type { FromWorker, Notice, ToWorker } from './messages.ts'

/** How long a question waits for its last answer: a worker that is stopped must not hold the others. */
const ANSWER_MS = 1000
/** One-time links of the board that wait for their browser; the board keeps fewer. */
const MAX_KEPT = 100
/** Notices for workers that start later: a session of a browser that was signed out, an acceptance of the record. */
const MAX_NOTICES = 10_000

/** The way to one worker. */
export interface WorkerLine {
  readonly send: (message: ToWorker) => void
}

/** The exchange between the workers of a server. */
export interface Switchboard {
  /** Takes the line of a worker that starts. It gets notices from now on. */
  add(line: WorkerLine): void
  /** The worker of a line serves, so it is asked too. */
  open(line: WorkerLine): void
  /** Forgets a worker that has ended. Questions do not wait for it any more. */
  remove(line: WorkerLine): void
  /** Handles a message of a worker; those about its own life are none of its business. */
  handle(from: WorkerLine, message: FromWorker): void
  /** The notices for a worker that starts now. */
  notices(): readonly Notice[]
}

interface OpenQuestion {
  readonly asker: WorkerLine
  /** The number that the asker gave it. */
  readonly askedId: number
  readonly waiting: Set<WorkerLine>
  readonly answers: unknown[]
  isComplete: boolean
  readonly timer: NodeJS.Timeout
}

/** @param answerMs how long a question waits, in milliseconds */
export function createSwitchboard(answerMs = ANSWER_MS): Switchboard {
  const lines = new Set<WorkerLine>()
  const serving = new Set<WorkerLine>()
  const open = new Map<number, OpenQuestion>()
  const kept = createBoundedCache<string, number>(MAX_KEPT)
  let notices: Notice[] = []
  let lastId = 0

  const close = (id: number, question: OpenQuestion): void => {
    clearTimeout(question.timer)
    open.delete(id)
    const { asker, askedId, answers, isComplete, waiting } = question
    if (lines.has(asker)) asker.send({ kind: 'answers', id: askedId, answers, isComplete: isComplete && waiting.size === 0 })
  }

  const ask = (asker: WorkerLine, askedId: number, topic: string): void => {
    const id = (lastId += 1)
    const waiting = new Set([...serving].filter((line) => line !== asker))
    const timer = setTimeout(() => close(id, question), answerMs).unref()
    const question: OpenQuestion = { asker, askedId, waiting, answers: [], isComplete: true, timer }
    open.set(id, question)
    for (const line of waiting) line.send({ kind: 'question', id, topic })
    if (waiting.size === 0) close(id, question)
  }

  const take = (line: WorkerLine, id: number, key: string): void => {
    const untilMs = kept.get(key)
    kept.delete(key)
    line.send({ kind: 'taken', id, untilMs })
  }

  const settle = (id: number, line: WorkerLine, answer?: { readonly value: unknown }): void => {
    const question = open.get(id)
    if (question === undefined || !question.waiting.delete(line)) return
    if (answer !== undefined) question.answers.push(answer.value)
    if (question.waiting.size === 0) close(id, question)
  }

  return {
    add: (line) => void lines.add(line),
    open: (line) => void serving.add(line),
    remove(line) {
      lines.delete(line)
      serving.delete(line)
      for (const id of open.keys()) settle(id, line)
    },
    handle(from, message) {
      if (message.kind === 'ask') ask(from, message.id, message.topic)
      else if (message.kind === 'answer') settle(message.id, from, message)
      else if (message.kind === 'keep') kept.set(message.key, message.untilMs)
      else if (message.kind === 'take') take(from, message.id, message.key)
      else if (message.kind === 'notify') {
        if (!message.isHint) notices = [...notices.slice(1 - MAX_NOTICES), message.notice]
        for (const line of lines) if (line !== from) line.send({ kind: 'notice', notice: message.notice })
      }
    },
    notices: () => notices,
  }
}
