// Server-sent events as they arrive, by the rules of HTML ("event stream interpretation"), as far as this server uses them.

import { commandProblem, EXIT } from './problem.ts'

/** One event of a stream. */
export interface ServerEvent {
  readonly name: string
  readonly data: string
  readonly id: string
}

/** No event of this server is longer; another program's answer must not fill the memory. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024

/** Reads the events of an answer until it ends. */
export async function* eventsOf(answer: Response): AsyncGenerator<ServerEvent> {
  if (answer.body === null) return
  const decoder = new TextDecoder()
  let rest = ''
  let id = ''
  for await (const bytes of answer.body) {
    rest += decoder.decode(bytes as Uint8Array, { stream: true })
    if (rest.length > MAX_EVENT_LENGTH) throw commandProblem(EXIT.unreachable, { message: 'What answers is not the stream of this server' })
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = { name: 'message', data: '', id }
      for (const line of block.split('\n')) {
        const [field = '', ...others] = line.split(': ')
        const value = others.join(': ')
        if (field === 'data') event.data += event.data === '' ? value : `\n${value}`
        else if (field === 'event') event.name = value
        else if (field === 'id') id = event.id = value
      }
      if (event.data !== '') yield event
    }
  }
}

/** The JSON of an event. @throws a problem when it is none */
export function valueOf<T>({ data }: ServerEvent): T {
  try {
    return JSON.parse(data) as T
  } catch {
    throw commandProblem(EXIT.unreachable, { message: 'What answers is not the stream of this server' })
  }
}
