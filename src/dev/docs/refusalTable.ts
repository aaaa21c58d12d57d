import type { Route } from '../../http/route.ts'
import { refusals } from '../../platform/kernel/errors.ts'

/** How a client is to go on after a status; what an answer says of itself (`next`, `Retry-After`) comes first. */
const GO_ON: Readonly<Record<number, string>> = {
  400: 'Correct the request.',
  401: 'Present a valid credential. A run that ended needs a new run.',
  403: 'Ask a caller that holds the permission.',
  404: 'Check the id; a row of another company gives the same answer.',
  405: 'Use a method from `Allow`.',
  409: 'Read `details`; where it has `next`, do that.',
  412: 'Read the row again; the current one is in the answer.',
  413: 'Send less.',
  415: 'Send the content type that the document names.',
  422: 'Correct what the request refers to or asks for.',
  429: 'Retry after `Retry-After`.',
  431: 'Send fewer headers.',
  503: 'Retry after `Retry-After`, with the same Idempotency-Key.',
}

/** Renders every code that an error answer may carry, with its status, its sentence and the number of routes that declare it. */
export function renderRefusals(routes: readonly Route[]): string {
  const rows = Object.entries(refusals).map(([code, { status, message }]) => {
    const count = routes.filter((route) => (route.refuses as readonly string[]).includes(code)).length
    return `| \`${code}\` | ${status} | ${message} | ${count === 0 ? 'any' : count} | ${GO_ON[status] ?? ''} |`
  })
  return `# Refusals

Written by \`npm run docs\` from the catalogue in \`src/platform/kernel/errors.ts\`. An error answer is \`{error, code, details?,
requestId}\`; a client decides by \`code\`, because a route may replace the sentence. \`any\` means that no route declares the code:
it comes from a step that all routes share.

| code | status | sentence | routes | what a client does |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}
