/** Copies a text to the clipboard. @returns false where the browser gives a page no clipboard, as at an address without TLS */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
