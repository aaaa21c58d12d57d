// A script of its own that runs before the page is painted, so that a page in the chosen theme never flashes in the other one. The policy of
// the page allows no inline script. It imports nothing, because it is no module; `frame/theme.ts` has the same name of the kept value.

try {
  const theme = localStorage.getItem('paperclip-theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme
} catch {
  // The browser keeps nothing for this page: it follows the system.
}
