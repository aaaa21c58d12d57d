import cluster from 'node:cluster'
import { openProcess } from './server/openProcess.ts'

const lifecycle = openProcess()
if (cluster.isWorker) {
  const { startWorker } = await import('./server/workers/worker.ts')
  await startWorker(lifecycle)
} else {
  const { answerCommandLine, start } = await import('./server/start.ts')
  answerCommandLine()
  await start(lifecycle)
}
