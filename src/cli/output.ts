// The standard output of a command, which its reader may leave at any time.

/** The standard output. */
export interface Output {
  /** Writes a text, and waits for a reader that is slow. @throws `LostOutput` when it cannot be written */
  readonly write: (text: string) => Promise<void>
  /** The failure of the stream, also of what was written past this object; null while it takes what is written. */
  readonly failure: () => NodeJS.ErrnoException | null
}

const isLost: unique symbol = Symbol('output that was not taken')

/** Whether an error says that the output was not taken. */
export const isLostOutput = (error: unknown): boolean => error instanceof Error && isLost in error

const lostOutput = (cause: Error): Error => Object.assign(new Error('The output was not taken to its end', { cause }), { [isLost]: true })

/** Whether the reader ended, which is no failure of the stream: `head` has seen enough. */
export const isReaderGone = (failure: NodeJS.ErrnoException | null): boolean => failure?.code === 'EPIPE'

/** Takes a stream as the output of a command. Its errors are kept, and end nothing by themselves. */
export function createOutput(stream: NodeJS.WritableStream): Output {
  let failure: NodeJS.ErrnoException | null = null
  stream.on('error', (error: NodeJS.ErrnoException) => (failure ??= error))
  return {
    failure: () => failure,
    write: async (text) =>
      await new Promise<void>((resolve, reject) => {
        if (failure !== null) return reject(lostOutput(failure))
        // The callback comes when the reader has room, so it is also the wait for a slow one.
        stream.write(text, (error) => {
          if (error === null || error === undefined) return resolve()
          failure ??= error
          reject(lostOutput(error))
        })
      }),
  }
}
