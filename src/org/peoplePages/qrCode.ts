import { html } from './html.ts'
import type { Html } from './html.ts'

/** Modules of white around a code; scanners ask for four (ISO/IEC 18004). */
const BORDER = 4

/** The dark modules of a row, as runs of one shape. */
const runsOf = (row: readonly boolean[], y: number): string =>
  [
    ...row
      .map((isDark) => (isDark ? '1' : '0'))
      .join('')
      .matchAll(/1+/g),
  ]
    .map(({ index, 0: run }) => `M${index} ${y}h${run.length}v1h-${run.length}z`)
    .join('')

/** A QR code as a drawing in the page, which needs no script and no file. */
export async function qrCode(text: string): Promise<Html> {
  // Not a static import: the bundle would load it at every start (src/launch/bundle.js), and most servers have no people.
  const { encodeQR } = await import('qr')
  const rows = encodeQR(text, 'raw', { border: BORDER })
  const size = String(rows.length)
  // White behind it also on a dark page.
  return html`<svg role="img" aria-label="QR code" width="240" height="240" viewBox="0 0 ${size} ${size}">
    <path fill="#fff" d="M0 0h${size}v${size}H0z" />
    <path fill="#000" d="${rows.map((row, y) => runsOf(row, y)).join('')}" />
  </svg>`
}
