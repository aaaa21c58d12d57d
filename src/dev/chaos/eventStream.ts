/** One message of an event stream. */
export interface Message {
  readonly id: string | null
  readonly data: string | null
}

/**
 * Returns a function that parses chunks of an event stream (HTML, "event stream interpretation").
 * @param onMessage is called at the empty line that ends each message
 */
export function createParser(onMessage: (message: Message) => void): (text: string) => void {
  let incompleteLine = ''
  let id: string | null = null
  let data: string[] = []
  return (text) => {
    const lines = `${incompleteLine}${text}`.split('\n')
    incompleteLine = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('id: ')) id = line.slice(4)
      else if (line.startsWith('data: ')) data.push(line.slice(6))
      else if (line === '') {
        onMessage({ id, data: data.length === 0 ? null : data.join('\n') })
        data = []
      }
    }
  }
}
