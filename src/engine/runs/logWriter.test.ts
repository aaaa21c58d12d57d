import { expect, test } from 'vitest'
import { createLog } from '../../platform/kernel/log.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import { createLogWriter } from './logWriter.ts'

const server = useServer()

test('Records of one run that the database refuses do not block those of other runs, and are given up', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const [broken, sound] = [await here.run(agent), await here.run(agent)]
  const logWriter = createLogWriter(server().store, createLog('silent', false), () => {})
  const [bad, good] = [logWriter.open(broken.id), logWriter.open(sound.id)]
  const event = { eventType: 'lifecycle', level: 'info', message: 'began' } as const
  // Postgres stores no NUL in a text; an adapter removes it.
  bad.addEvent({ ...event, message: 'a \0 in it' })
  good.addEvent(event)
  await good.write({ stream: 'stdout', chunk: 'words\n', ts: '2026-01-01T00:00:00.000Z' })
  expect(await good.close()).toMatchObject({ store: 'postgres' })
  const messages = async (runId: string): Promise<string[]> => {
    const { body } = await server().board.get(`/api/heartbeat-runs/${runId}/events`)
    return (body as { message: string }[]).map(({ message }) => message)
  }
  expect(await messages(sound.id)).toEqual(['began'])
  // The run with the refused records can end too.
  await bad.dispose()
  expect(await messages(broken.id)).toEqual([])
  await good.dispose()
  await logWriter.stop()
})
