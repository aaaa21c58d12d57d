// Runs inside a page of a test. It returns one sentence for each fault that a person with a keyboard, a screen reader or another
// screen would meet, and nothing for a page without.
;(() => {
  const faults = []
  const need = (isFine, sentence) => void (isFine || faults.push(sentence))
  const textOf = (element) => element.textContent.trim()
  need(/\S/.test(document.title), 'the page has no title')
  need(document.documentElement.lang === 'en', 'the page does not name its language')
  for (const name of ['h1', 'main']) {
    const found = document.querySelectorAll(name)
    need(found.length === 1 && textOf(found[0]) !== '', `the page has ${found.length} <${name}>, and not one with a text`)
  }
  for (const input of document.querySelectorAll('input, select, textarea')) {
    if (input.type === 'hidden') continue
    const label = [...input.labels].map(textOf).join('') || input.getAttribute('aria-label') || ''
    need(label !== '', `the input ${input.name} has no label`)
    need(input.autocomplete !== '', `the input ${input.name} does not say what a browser may fill in`)
  }
  for (const element of document.querySelectorAll('a, button')) need(textOf(element) !== '', 'a link or a button has no text')
  const { scrollWidth, clientWidth } = document.documentElement
  need(scrollWidth <= clientWidth, `the page is ${scrollWidth} pixels wide on a screen of ${clientWidth}`)

  // The contrast of texts (WCAG 2.2, 1.4.3): 4.5 to 1.
  const partsOf = (color) => (color.match(/[\d.]+/g) ?? []).map(Number)
  const isClear = (color) => partsOf(color).length === 4 && partsOf(color)[3] === 0
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at)
      if (!isClear(backgroundColor)) return backgroundColor
    }
    return 'rgb(255, 255, 255)'
  }
  const light = (color) => {
    const [red, green, blue] = partsOf(color).map((part) => (part <= 10 ? part / 3294 : ((part / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  for (const element of document.querySelectorAll('h1, h2, p, li, label, input, button, a, code, pre, blockquote, dt, dd')) {
    const [low, high] = [light(getComputedStyle(element).color), light(groundOf(element))].sort((a, b) => a - b)
    const contrast = (high + 0.05) / (low + 0.05)
    need(contrast >= 4.5, `"${textOf(element).slice(0, 30)}" (${element.localName}) has a contrast of ${contrast.toFixed(1)} to its ground`)
  }
  return faults
})()
