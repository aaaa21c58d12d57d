import type { RequestHandler } from 'express'
import { pageHeaders } from '../../http/headers.ts'

// The address in the examples is the one that the person used; the check of hosts has let it through.
const escape = (text: string): string => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 46rem; padding: 0 1rem; color: #1c2024; background: #fff }
  h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem } code, pre { font: 14px/1.5 ui-monospace, monospace }
  pre { background: #f3f4f6; padding: 1rem; overflow-x: auto } a { color: #0b57d0 }
  @media (prefers-color-scheme: dark) { body { color: #edeef0; background: #111113 } pre { background: #1d1f21 } a { color: #8ab4f8 } }`

/** The page for a person who opens the address of the server. It has no script, and shows nothing that needs a credential. */
const startPageText = (version: string, host: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>paperclip-server</title>
<style>${STYLE}
</style>
</head>
<body>
<h1>paperclip-server ${escape(version)}</h1>
<p>This is the control plane for companies of AI agents. It runs, and it is used through its API.</p>
<h2>Documents</h2>
<ul>
<li><a href="/api/docs/">The API, with forms to try it</a></li>
<li><a href="/api/openapi.json">The same as an OpenAPI document</a></li>
<li><a href="/api/health">The health of this server</a></li>
</ul>
<p>The folder of the program has <code>README.md</code>, with a tour, and <code>doc/</code>: <code>SPEC.md</code> states what each request means, <code>AGENTS.md</code> how an agent is written,
<code>OPERATIONS.md</code> how the server is run.</p>
<h2>Begin</h2>
<p>In a shell on the machine of the server, under its account:</p>
<pre>curl -X POST -H 'Content-Type: application/json' -d '{"name":"First Works"}' http://${escape(host)}/api/companies
curl http://${escape(host)}/api/companies</pre>
<p><code>npm run demo</code> in the folder of the program fills this server with a company to look at. Where the board needs its token, it is in the file
<code>board-token</code> of the home of the server, and the log shows how a browser signs in.</p>
</body>
</html>
`

/**
 * Answers `GET /` of a browser, which prefers HTML. Every other client gets what an unknown path gives.
 * @param version of the server
 */
export function startPage(version: string): RequestHandler {
  return (request, response, next) => {
    if ((request.method !== 'GET' && request.method !== 'HEAD') || request.accepts(['json', 'html']) !== 'html') return next()
    const text = startPageText(version, request.headers.host ?? 'localhost')
    response.writeHead(200, {
      ...pageHeaders,
      'Cache-Control': 'no-cache',
      Vary: 'Accept',
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
    })
    response.end(text)
  }
}
