import { onTestFinished } from 'vitest'
import { openEventStream } from './eventStream.ts'
import type { EventStreamReader } from './eventStream.ts'

/** Opens an event stream for one test. It is closed with the test, also when the test fails: a follower that stays would be met by the next one. */
export async function follow(...args: Parameters<typeof openEventStream>): Promise<EventStreamReader> {
  const reader = await openEventStream(...args)
  onTestFinished(() => reader.disconnect())
  return reader
}
