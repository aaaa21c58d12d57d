// The places of the page to which keys and sentences lead.

export type Place = 'status' | 'assignee' | 'comment' | 'question'

const selectors: Readonly<Record<Place, string>> = {
  status: '[data-fact="status"] select',
  assignee: '[data-fact="assignee"] select',
  comment: '#comment-text, .composer [aria-pressed="true"]',
  question: '.question.pending :is(button, input, textarea)',
}

/** Moves the focus to a place, and opens it where it is a choice. */
export function goTo(place: Place): void {
  const element = document.querySelector<HTMLElement>(selectors[place])
  if (element === null) return
  element.scrollIntoView({ block: 'center' })
  element.focus()
  if (!(element instanceof HTMLSelectElement)) return
  try {
    element.showPicker()
  } catch {
    // A browser that opens no list without a click has the focus at the right place.
  }
}
