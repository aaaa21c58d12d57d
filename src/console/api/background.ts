import { ApiProblem } from './client.ts'

/** Lets a promise go on by itself. A refusal is shown where the act was started; everything else is a bug, and the browser reports it. */
export function inBackground(work: Promise<unknown>): void {
  work.catch((error: unknown) => {
    if (!(error instanceof ApiProblem)) reportError(error)
  })
}
