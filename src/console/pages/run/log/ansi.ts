// A line as a terminal would show it.

/** Colours and movements of the cursor (CSI), titles and links (OSC), and the short escapes. */
// oxlint-disable-next-line no-control-regex
const escapes = /\u001B(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][\s\S]*?(?:\u0007|\u001B\\|$)|[ -/]*[0-~])|\u009B[0-?]*[ -/]*[@-~]/g
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g

/** A text without the codes that colour it. */
export const stripAnsi = (text: string): string => (text.includes('\u001B') || text.includes('\u009B') ? text.replace(escapes, '') : text)

/** A line as it stands on a terminal at last: a carriage return goes back to its beginning, as bars of progress do. */
export function visibleText(text: string): string {
  const plain = stripAnsi(text)
  const last = plain.includes('\r') ? (plain.split('\r').findLast((part) => part !== '') ?? '') : plain
  return last.replace(controls, '')
}
