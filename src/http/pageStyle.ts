// The one style of the pages that this server shows to people.

import { createHash } from 'node:crypto'

/** A style sheet for a page of one column: the name of the product, one heading, texts and forms. It suits a telephone, and a dark screen. */
const PAGE_STYLE = `:root{color-scheme:light dark;--text:#1c2024;--soft:#5a6068;--page:#f3f4f6;--card:#fff;--edge:#d5d8dd;--line:#80838d;--accent:#0b57d0;--on-accent:#fff;--alert:#b3261e;--done:#18794e}
@media(prefers-color-scheme:dark){:root{--text:#edeef0;--soft:#b0b4ba;--page:#111113;--card:#1a1b1e;--edge:#34363b;--line:#7a7e87;--accent:#8ab4f8;--on-accent:#0b1e3f;--alert:#ff9592;--done:#5bd6a0}}
*{box-sizing:border-box}
body{margin:0;padding:1rem;font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--page)}
header,main{max-width:30rem;margin:0 auto}
header{padding:.5rem 0 1rem;font-weight:600}
header a{color:inherit;text-decoration:none}
main{padding:1.5rem;background:var(--card);border:1px solid var(--edge);border-radius:12px;overflow-wrap:anywhere}
.wide{max-width:46rem}
@media(min-width:40rem){body{padding:3rem 1rem}main{padding:2rem 2.5rem}}
h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.25}
h2{margin:2rem 0 .5rem;padding-top:1.5rem;border-top:1px solid var(--edge);font-size:1.1rem;line-height:1.3}
p,ul,ol,dl,blockquote{margin:0 0 1rem}
main>:last-child,form>:last-child{margin-bottom:0}
ul,ol{padding-left:1.25rem}
form{margin:0 0 1rem}
label{display:block;margin:0 0 1rem;font-weight:500}
input,select,textarea{display:block;width:100%;margin-top:.25rem;padding:.55rem .75rem;font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:8px}
input[type=checkbox],input[type=radio]{display:inline-block;width:auto;margin:0 .5rem 0 0}
button{margin:0 .5rem .5rem 0;padding:.55rem 1.1rem;font:inherit;font-weight:600;color:var(--on-accent);background:var(--accent);border:1px solid var(--accent);border-radius:8px;cursor:pointer}
button.secondary{color:var(--accent);background:transparent}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
[role=alert],[role=status]{padding:.5rem .75rem;border-left:4px solid var(--done);background:var(--page)}
[role=alert]{border-color:var(--alert)}
blockquote{padding-left:.75rem;border-left:4px solid var(--edge);white-space:pre-wrap}
code,pre{font:.9em/1.5 ui-monospace,monospace}
pre{padding:1rem;overflow-x:auto;background:var(--page);border-radius:8px;overflow-wrap:normal}
.soft{color:var(--soft)}`

/** A paper clip. In the page itself: a browser asks every server for an icon, and a missing one is an error in its console. */
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="none" stroke="#3b7de0" stroke-width="2.4" stroke-linecap="round" d="M7 8v8a5 5 0 0 0 10 0V6.5a3.25 3.25 0 0 0-6.5 0V15.5a1.5 1.5 0 0 0 3 0V8"/></svg>',
)}`

/** The source of the style sheet in a Content-Security-Policy. */
export const pageStyleSource = `'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'`

/** A page as a whole: its policy has to allow `pageStyleSource`, and images of `data:` for the icon. The name of the product stands above its content. @param title escaped by the caller */
export const pageMarkup = (title: string, content: string, width: 'narrow' | 'wide' = 'narrow'): string => {
  const wide = width === 'wide' ? ' class="wide"' : ''
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><link rel="icon" href="${ICON}"><style>${PAGE_STYLE}</style></head>
<body><header${wide}><a href="/">paperclip-server</a></header>
<main${wide}>${content}</main></body>
</html>
`
}
