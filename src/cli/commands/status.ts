import { z } from 'zod'
import { command } from '../command.ts'
import { EXIT } from '../problem.ts'
import { fields } from '../table.ts'

interface Health {
  readonly status: string
  readonly version: string
  readonly deploymentMode?: string
  readonly causes?: readonly { readonly code?: string; readonly message?: string }[]
}

export const statusCommand = command({
  name: 'status',
  summary: 'Show whether the server is healthy, and where it is',
  details: 'The exit code is 1 when the server is degraded.',
  example: 'paperclip-server status',
  options: z.object({}),
  run: async (io) => {
    const client = io.client()
    const health = await client.get<Health>('/health')
    const isHealthy = health.status === 'ok'
    const text = fields(io.screen, [
      ['server', client.url],
      ['status', { text: health.status, tone: isHealthy ? 'good' : 'bad' }],
      ['version', health.version],
      ['mode', health.deploymentMode],
    ])
    return { data: { url: client.url, ...health }, text, exit: isHealthy ? EXIT.done : EXIT.bad }
  },
})
