import type { RequestHandler } from 'express'
import { pageHeaders } from '../../http/headers.ts'
import { pageMarkup } from '../../http/pageStyle.ts'

// The address in the examples is the one that the person used; the check of hosts has let it through.
const escape = (text: string): string => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)

const begin = (host: string): string => `<p>In a shell on the machine of the server, under its account:</p>
<pre>curl -X POST -H 'Content-Type: application/json' -d '{"name":"First Works"}' http://${escape(host)}/api/companies
curl http://${escape(host)}/api/companies</pre>
<p><code>npm run demo</code> in the folder of the program fills this server with a company to look at. Where the board needs its token, it is in the file
<code>board-token</code> of the home of the server, and the log shows how a browser signs in.</p>`

const beginAsPerson = `<p><a href="/sign-in">Sign in</a>, or <a href="/account">see your account</a>. If you have none, <a href="/sign-up">make an account</a>.</p>`

/** The page for a person who opens the address of the server. It has no script, and shows nothing that needs a credential. */
const startPageText = (version: string, host: string, peopleSignIn: boolean): string =>
  pageMarkup(
    'paperclip-server',
    `<h1>paperclip-server ${escape(version)}</h1>
<p>This is the control plane for companies of AI agents. It runs, and it is used through its API.</p>
<h2>Begin</h2>
${peopleSignIn ? beginAsPerson : begin(host)}
<h2>Documents</h2>
<ul>
<li><a href="/api/docs/">The API, with forms to try it</a></li>
<li><a href="/api/openapi.json">The same as an OpenAPI document</a></li>
<li><a href="/api/health">The health of this server</a></li>
</ul>
<p>The folder of the program has <code>README.md</code>, with a tour, and <code>doc/</code>: <code>SPEC.md</code> states what each request means, <code>AGENTS.md</code> how an agent is written,
<code>OPERATIONS.md</code> how the server is run.</p>`,
    'wide',
  )

/**
 * Answers `GET /` of a browser, which prefers HTML. Every other client gets what an unknown path gives.
 * @param version of the server
 * @param peopleSignIn whether people have accounts here
 */
export function startPage(version: string, peopleSignIn: boolean): RequestHandler {
  return (request, response, next) => {
    if ((request.method !== 'GET' && request.method !== 'HEAD') || request.accepts(['json', 'html']) !== 'html') return next()
    const text = startPageText(version, request.headers.host ?? 'localhost', peopleSignIn)
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
