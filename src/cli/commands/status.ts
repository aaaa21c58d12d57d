import { z } from 'zod'
import type { healthView } from '../../observe/instance/health.ts'
import type { whoamiView } from '../../observe/instance/views.ts'
import { command } from '../command.ts'
import { EXIT } from '../problem.ts'
import { fields } from '../table.ts'

type Health = z.output<typeof healthView>
type Whoami = z.output<typeof whoamiView>

export const statusCommand = command({
  name: 'status',
  summary: 'Show whether the server is healthy, where it is, and as whom this command speaks',
  details: 'The exit code is 1 when the server is degraded, and 3 when none answers.',
  example: ['paperclip-server status', 'paperclip-server status --json | jq -r .condition'],
  options: z.object({}),
  run: async (io) => {
    const client = io.client()
    const health = await client.get<Health>('/health')
    const caller = await client.get<Whoami>('/whoami')
    const isDegraded = health.condition !== 'ok'
    const text = fields(io.screen, [
      ['server', client.url],
      ['condition', { text: health.condition, tone: isDegraded ? 'bad' : 'good' }],
      ...(isDegraded ? ([['causes', health.causes.join(', ').replaceAll('_', ' ')]] as const) : []),
      ['version', health.version],
      ['mode', `${health.deploymentMode}, ${health.deploymentExposure}`.replaceAll('_', ' ')],
      ['agents', `${health.agentIsolation.kind}: ${health.agentIsolation.reason}`],
      ['caller', `${caller.kind}, by ${caller.credential.replaceAll('_', ' ')}`],
    ])
    return { data: { url: client.url, ...health, caller }, text, exit: isDegraded ? EXIT.bad : EXIT.done }
  },
})
