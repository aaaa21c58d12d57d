// The text of a stream of server-sent events as messages (HTML, "event stream interpretation").

/** The reader of one stream. */
export interface MessageReader {
  /** Takes the next piece of the text, which may end anywhere. */
  readonly read: (piece: string) => void
}

export interface MessageHandlers {
  /** A message with its data. The id is that of the message, or the last one before it; empty where there was none. */
  readonly onMessage: (data: string, id: string) => void
  /** An id without data: it moves the position and is no message. */
  readonly onPosition: (id: string) => void
}

/** Collects the fields of the lines of a message. */
function createBlock({ onMessage, onPosition }: MessageHandlers): (line: string) => void {
  let data: string[] = []
  let id = ''
  let hasId = false
  return (line) => {
    if (line === '') {
      if (data.length > 0) onMessage(data.join('\n'), id)
      else if (hasId) onPosition(id)
      data = []
      hasId = false
      return
    }
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (name === 'data') data.push(value)
    else if (name === 'id' && !value.includes('\0')) {
      id = value
      hasId = true
    }
  }
}

/** Reads the text of a stream piece by piece. */
export function createMessageReader(handlers: MessageHandlers): MessageReader {
  const takeLine = createBlock(handlers)
  let rest = ''
  return {
    read(piece) {
      // A carriage return at the end may be the first half of a line break.
      const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      for (const line of lines) takeLine(line)
    },
  }
}
