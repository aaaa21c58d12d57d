// Which lines look like an error.

const looksBad = /(?:^|[^\w-])(?:error|errors|fatal|panic|exception|traceback|failed|failure)(?:$|[^\w-])/i
/** The names of errors in many languages, such as `TypeError`. */
const named = /\b[A-Z]\w*(?:Error|Exception)\b/
const saysNone = /\b(?:0|no|zero|without) (?:errors?|failed|failures?|exceptions?)\b|\b(?:errors?|failed|failures?):? 0\b/i

/** Whether a line of plain output looks like an error. */
export const isErrorText = (text: string): boolean => (looksBad.test(text) || named.test(text)) && !saysNone.test(text)
