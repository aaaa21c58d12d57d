const isPlain = /^[ -~]*$/
// Format characters, and whatever a screen shows nothing for: zero-width letters, joiners, variation selectors, fillers.
const invisible = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu

/**
 * The comparable part of a name: two names that look the same have one skeleton. Full-width and other compatible forms are the
 * plain letter (NFKC), characters that show nothing are left out, and case does not count.
 */
export function skeleton(text: string): string {
  if (isPlain.test(text)) return text.toLowerCase()
  return text.normalize('NFKC').replaceAll(invisible, '').toLowerCase().normalize('NFKC').replaceAll(/\s/g, ' ')
}

export const NOTHING_VISIBLE = 'A name needs a character that is visible'

/** Whether a screen shows anything of a text. */
export const isVisible = (text: string): boolean => skeleton(text).trim() !== ''
