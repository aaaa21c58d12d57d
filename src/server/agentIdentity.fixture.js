// A hostile agent: it sends every kind of request without its token, and prints one line of JSON for each.

import { spawn } from 'node:child_process'
import { request } from 'node:http'
import { connect } from 'node:net'

const { PAPERCLIP_API_URL: api, PAPERCLIP_API_KEY: token, PAPERCLIP_COMPANY_ID: companyId } = process.env
const { hostname, port } = new URL(api)
const host = hostname.replace(/^\[|\]$/g, '')
const [, , mode, ...more] = process.argv

const say = (name, status, body = '') => process.stdout.write(`${JSON.stringify({ name, status, body: body.slice(0, 2000) })}\n`)

/** Sends one request on a new connection and resolves with status and the beginning of the body. */
const ask = (path, { method = 'GET', headers = {}, body, to = host } = {}) =>
  new Promise((resolve) => {
    const options = { host: to, port, path, method, agent: false, headers: { Host: `localhost:${port}`, ...headers } }
    if (body !== undefined) options.headers['Content-Type'] = 'application/json'
    const sent = request(options, (response) => {
      let text = ''
      const finish = () => resolve({ status: response.statusCode, text })
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.on('end', finish)
      // A stream that was opened does not end.
      if (response.headers['content-type']?.includes('event-stream')) finish()
    })
    sent.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: response.statusCode, text: '' })
    })
    sent.on('error', (error) => resolve({ status: 0, text: error.message }))
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })

const tell = async (name, ...request) => {
  const { status, text } = await ask(...request)
  say(name, status, text)
}

/** Runs this program again, in another process, and waits for its end. */
const again = (args, { environment, detached = false }) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [process.argv[1], ...args], {
      env: environment,
      detached,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.on('exit', resolve)
  })

const bare = { PATH: process.env.PATH, PAPERCLIP_API_URL: api, PAPERCLIP_COMPANY_ID: companyId }

if (mode === 'probe') {
  await tell(more[0], '/api/cli-auth/me')
} else if (mode === 'grandchild') {
  await again(['probe', 'a grandchild in a session of its own'], { environment: bare, detached: true })
} else {
  const approvalId = await propose()
  await tell('no header', '/api/cli-auth/me')
  await tell('the name localhost.', '/api/cli-auth/me', { headers: { Host: `localhost.:${port}` } })
  await tell('the address [::1] as Host', '/api/cli-auth/me', { headers: { Host: `[::1]:${port}` } })
  if (!host.includes(':')) await tell('an IPv6 socket', '/api/cli-auth/me', { to: `::ffff:${host}` })
  await tell('its own approval', `/api/approvals/${approvalId}/approve`, { method: 'POST', body: {} })
  await tell('an event stream', `/api/companies/${companyId}/events/stream`)
  const upgrade = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  await tell('a WebSocket', `/api/companies/${companyId}/events/ws`, { headers: upgrade })
  await tell('a file', more[0])
  await closeEarly()
  await again(['probe', 'a child'], { environment: process.env })
  await again(['probe', 'a child without environment'], { environment: bare })
  await again(['grandchild'], { environment: bare, detached: true })
  say('done', 0)
  process.exit(0)
}

/** Asks for a change of its own configuration, with its token. */
async function propose() {
  const headers = { Authorization: `Bearer ${token}` }
  const me = JSON.parse((await ask('/api/agents/me', { headers })).text)
  const { status, text } = await ask(`/api/agents/${me.id}`, {
    method: 'PATCH',
    headers,
    body: { adapterConfig: { command: '/bin/true' } },
  })
  say('its own proposal', status, text)
  return JSON.parse(text).approval.id
}

/** Sends a change and closes the socket at once: the kernel then shows the connection under the account of root. */
async function closeEarly() {
  const body = JSON.stringify({ name: 'Made by an agent' })
  const head = [
    'POST /api/companies HTTP/1.1',
    `Host: localhost:${port}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ]
  for (let at = 0; at < 5; at += 1)
    await new Promise((resolve) => {
      const socket = connect({ host, port })
      socket.on('connect', () => socket.write(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy()))
      socket.on('close', resolve)
    })
}
