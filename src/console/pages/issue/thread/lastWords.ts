/** The fields in which adapters put what an agent said at the end of its run, the best one first. */
const FIELDS = ['summary', 'result', 'message', 'text', 'output']
const MAX_CHARACTERS = 600
const MAX_LINES = 12

/** The last words of an agent in its run, as far as its result has them. */
export function lastWords(result: Readonly<Record<string, unknown>> | null): string | null {
  for (const field of FIELDS) {
    const value = result?.[field]
    if (typeof value === 'string' && value.trim() !== '') return value.trim().slice(0, MAX_CHARACTERS)
  }
  return null
}

/** The last lines of an output; null where there are none. */
export function lastLines(output: string | null): string | null {
  const lines = (output ?? '').trimEnd().split('\n').slice(-MAX_LINES)
  return lines.join('\n') === '' ? null : lines.join('\n')
}
