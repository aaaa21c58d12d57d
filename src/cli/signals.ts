// Signals of the operator and of the system that end a command.

import { interruption, SIGNAL_EXITS } from './problem.ts'
import type { EndingSignal } from './problem.ts'

/** The time that a command has to end after a signal, in milliseconds. A transaction of a server takes at most as long. */
const GRACE_MS = 5000
/** A terminal sends its Ctrl-C to every process, and npm forwards it once more: the second one within this time is the same. */
const ECHO_MS = 1000

/** The process around a command, as far as signals go. */
interface SignalledProcess {
  on(signal: EndingSignal, listener: () => void): unknown
  exit(code: number): void
  readonly stderr: { write(text: string): unknown }
}

/**
 * Turns the first signal into an abort, which the command answers by ending. It ends at once by a further signal, or when it has not ended by itself.
 * @returns aborted with `interruption`
 */
export function listenForSignals(target: SignalledProcess, now: () => number = Date.now): AbortSignal {
  const controller = new AbortController()
  let firstAt = 0
  const names = Object.keys(SIGNAL_EXITS) as EndingSignal[]
  for (const name of names)
    target.on(name, () => {
      const exit = (why: string): void => {
        target.stderr.write(`${why}\n`)
        target.exit(SIGNAL_EXITS[name])
      }
      if (controller.signal.aborted) {
        if (now() - firstAt > ECHO_MS) exit(`Interrupted by ${name} again: ended in the middle`)
        return
      }
      firstAt = now()
      setTimeout(
        () => exit(`Interrupted by ${name}: ended in the middle, because the work did not end within ${GRACE_MS / 1000} s`),
        GRACE_MS,
      ).unref()
      controller.abort(interruption(name))
    })
  return controller.signal
}
