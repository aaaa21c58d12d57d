import { play } from './play.ts'
import type { LoadJob } from './load.ts'

// The program of the generator's process: it plays a job for each message and answers with what it measured.

process.on('message', (job: LoadJob) => {
  play(job).then(
    (turn) => process.send?.({ turn }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})
