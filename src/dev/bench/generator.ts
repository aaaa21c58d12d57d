import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { LoadJob, LoadTurn } from './load.ts'

/** A load generator in a process of its own, so that its processor time can be stated apart from all else. */
export interface Generator {
  /** Plays one job at a time. @throws when an answer was not expected or a connection failed */
  play(job: LoadJob): Promise<LoadTurn>
  stop(): void
}

type Report = { readonly turn: LoadTurn } | { readonly error: string }

/** Starts the process of the generator. */
export function startGenerator(): Generator {
  const child = fork(new URL('generatorProcess.ts', import.meta.url), {
    execArgv: ['--import', 'tsx'],
    // Requests are buffers, which the default serialization would turn into lists of numbers.
    serialization: 'advanced',
  })
  const ended = once(child, 'exit').then(([code]): Report => ({ error: `the generator ended with ${String(code)}` }))
  return {
    async play(job) {
      const answered = once(child, 'message').then(([report]) => report as Report)
      child.send(job)
      const report = await Promise.race([answered, ended])
      if ('error' in report) throw new Error(report.error)
      return report.turn
    },
    stop: () => void child.kill(),
  }
}
