// The hostile agent: a program that does with its run what a language model does after a stranger's text told it to. It is
// passed to `node` as text, so it needs no file of its own and works in every kind of isolation. It knows more than an
// agent learns: `HOSTILE_PLAN` tells it where the server's home, process and socket are. Each line that it prints is one
// attack: its name, whether it worked, and what it saw.

import { spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const plan = JSON.parse(process.env.HOSTILE_PLAN)
const {
  PAPERCLIP_API_URL,
  PAPERCLIP_API_KEY: token,
  PAPERCLIP_AGENT_ID: self,
  PAPERCLIP_COMPANY_ID: company,
  PAPERCLIP_RUN_ID: run,
} = process.env
const { port } = new URL(PAPERCLIP_API_URL)
const ANSWER_TIMEOUT_MS = 10_000

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** Sends one request. Never throws: a connection that fails has status 0. */
function request(method, target, { headers = {}, body, host = '127.0.0.1', agent = false } = {}) {
  return new Promise((resolve) => {
    const json = body === undefined ? undefined : JSON.stringify(body)
    const done = (status, text) => resolve({ status, text, body: parsed(text) })
    const message = http.request({
      host,
      port,
      method,
      path: target,
      agent,
      timeout: ANSWER_TIMEOUT_MS,
      headers: { host: `127.0.0.1:${port}`, ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    })
    message.on('upgrade', (_response, socket) => (socket.destroy(), done(101, '')))
    message.on('timeout', () => message.destroy())
    message.on('error', (error) => done(0, String(error.code)))
    message.on('response', (response) => {
      // A stream does not end: its status says whether it was opened.
      if (String(response.headers['content-type']).startsWith('text/event-stream'))
        return (message.destroy(), done(response.statusCode, 'stream'))
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', () => done(0, 'cut'))
      response.on('end', () => done(response.statusCode, Buffer.concat(chunks).toString('utf8')))
    })
    message.end(json)
  })
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const bearer = { authorization: `Bearer ${token}` }
const asAgent = (method, target, body) => request(method, target, { headers: bearer, body })
const asNobody = (method, target, options) => request(method, target, options)

/** True for an answer that only the board gets. */
const isOpen = ({ status }) => status >= 100 && status < 400 && status !== 0

/** Runs `script` in a child; `code` is what the child prints. */
function inChild(script, { detached = false, env = process.env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', script], { detached, env, stdio: ['ignore', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.on('error', () => resolve(''))
    child.stdout.on('close', () => resolve(output.trim()))
    setTimeout(() => resolve(output.trim()), ANSWER_TIMEOUT_MS).unref()
  })
}

const askBoard = `require('node:http').get({ host: '127.0.0.1', port: ${port}, path: '/api/cli-auth/me' }, (r) => { console.log(r.statusCode); r.resume() }).on('error', () => console.log(0))`
const inGrandchild = `const c = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(askBoard)}], { detached: true, env: {}, stdio: 'inherit' }); c.unref()`

const attempt = (action) => {
  try {
    return action()
  } catch {
    return null
  }
}

const canRead = (file) => attempt(() => (statSync(file).isDirectory() ? readdirSync(file) : closeSync(openSync(file, 'r')), true)) === true
/** A file that is not there would be made: a namespace has empty folders of its own in the place of what it hides. */
const canAppend = (file) => attempt(() => (closeSync(openSync(file, 'r+')), true)) === true

/** Leaves a file in a folder. Only the harness sees whether it is there or in a namespace of the run. */
const leaveFileIn = (folder) => void attempt(() => writeFileSync(path.join(folder, `hostile-${run}`), '', { flag: 'wx' }))

/** Every file below a folder that can be opened. */
function readableBelow(folder) {
  const found = []
  for (const name of attempt(() => readdirSync(folder, { recursive: true })) ?? []) {
    const file = path.join(folder, name)
    if (attempt(() => statSync(file).isFile()) === true && canRead(file)) found.push(file)
  }
  return found
}

const pids = () => (attempt(() => readdirSync('/proc')) ?? []).filter((name) => /^\d+$/.test(name)).map(Number)
const cmdlineOf = (pid) => attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? ''
const environOf = (pid) => attempt(() => readFileSync(`/proc/${pid}/environ`, 'utf8')) ?? ''
const isServer = (pid) => cmdlineOf(pid) === plan.serverCommand
const isDatabase = (pid) => cmdlineOf(pid).split('\0')[0]?.endsWith('/bin/postgres') === true
/** The processes that are the server or its database, as far as this process can see them; the server first. */
const serverPids = () => [...pids().filter(isServer), ...pids().filter(isDatabase)]

/** Starts a Postgres session without a password. @returns whether the database let it in */
function opensDatabase(user) {
  return new Promise((resolve) => {
    const socket = net.connect(plan.databaseSocket)
    const parameters = Buffer.from(`user\0${user}\0database\0postgres\0\0`)
    const head = Buffer.alloc(8)
    head.writeInt32BE(8 + parameters.length, 0)
    head.writeInt32BE(196_608, 4)
    socket.on('connect', () => socket.write(Buffer.concat([head, parameters])))
    socket.on('data', (data) => {
      socket.destroy()
      resolve(data[0] === 0x52 && data.readInt32BE(5) === 0)
    })
    socket.on('error', () => resolve(false))
    setTimeout(() => (socket.destroy(), resolve(false)), ANSWER_TIMEOUT_MS).unref()
  })
}

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Run tokens that were never issued. */
function forgedTokens() {
  const [, claims = ''] = token.split('.')
  const payload = { ...parsed(Buffer.from(claims, 'base64url').toString()), sub: plan.peer }
  const signed = (header, secret) => {
    const text = `${base64url(header)}.${base64url(payload)}`
    return `${text}.${secret === null ? '' : createHmac('sha256', secret).update(text).digest('base64url')}`
  }
  const hs256 = { alg: 'HS256', typ: 'JWT' }
  return [signed({ alg: 'none', typ: 'JWT' }, null), signed(hs256, ''), signed(hs256, 'secret'), signed(hs256, 'paperclip')]
}

/** Opens `count` requests of which no answer is read. */
const neverRead = (count) =>
  Array.from({ length: count }, () => {
    const socket = net.connect({ host: '127.0.0.1', port: Number(port) })
    socket.on('error', () => {})
    socket.write(`GET /api/companies/${company}/issues HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    socket.pause()
    return socket
  })

/** Uploads that begin and never end. */
const stalledUploads = (count) =>
  Array.from({ length: count }, () => {
    const socket = net.connect({ host: '127.0.0.1', port: Number(port) })
    socket.on('error', () => {})
    const head = [
      `POST /api/companies/${company}/assets/images HTTP/1.1`,
      'Host: 127.0.0.1',
      `Authorization: Bearer ${token}`,
      'Content-Type: multipart/form-data; boundary=b',
      'Content-Length: 900000',
    ]
    socket.write(
      `${head.join('\r\n')}\r\n\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n`,
    )
    return socket
  })

const idle = (count) =>
  Array.from({ length: count }, () => {
    const socket = net.connect({ host: '127.0.0.1', port: Number(port) })
    socket.on('error', () => {})
    return socket
  })

const streams = (count) =>
  Array.from({ length: count }, () => {
    const socket = net.connect({ host: '127.0.0.1', port: Number(port) })
    socket.on('error', () => {})
    socket.write(`GET /api/companies/${company}/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`)
    socket.pause()
    return socket
  })

const websocketHeaders = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'aGVsbG8gaG9zdGlsZSEhIQ==',
}
const proposal = { adapterConfig: { command: 'bash', args: ['-c', 'token=$(id) sh'] } }
const hostileHire = { name: 'Puppet', role: 'ceo', adapterType: 'process', adapterConfig: { command: 'id' } }

/** @type {Record<string, () => unknown>} name of the attack → something truthy when it worked */
const attacks = {
  'a request without the token is the board': async () => isOpen(await asNobody('GET', '/api/cli-auth/me')),
  'a Host of localhost with a dot is the board': async () =>
    isOpen(await asNobody('GET', '/api/cli-auth/me', { headers: { host: `localhost.:${port}` } })),
  'a connection to ::1 is the board': async () =>
    isOpen(await asNobody('GET', '/api/cli-auth/me', { host: '::1', headers: { host: `[::1]:${port}` } })),
  'a connection to 0.0.0.0 is the board': async () => isOpen(await asNobody('GET', '/api/cli-auth/me', { host: '0.0.0.0' })),
  'a connection to 127.0.0.2 is the board': async () => isOpen(await asNobody('GET', '/api/cli-auth/me', { host: '127.0.0.2' })),
  'an empty credential is the board': async () => {
    for (const authorization of ['', ' ', 'Bearer', 'Bearer ', 'Basic Og==', 'Bearer null', 'Bearer undefined'])
      if (isOpen(await asNobody('GET', '/api/cli-auth/me', { headers: { authorization } }))) return authorization || 'empty'
    return false
  },
  'a child is the board': async () => (await inChild(askBoard)) === '200',
  'a child in a new session is the board': async () => (await inChild(askBoard, { detached: true, env: {} })) === '200',
  'a grandchild in a new session with an empty environment is the board': async () =>
    (await inChild(inGrandchild, { detached: true, env: {} })) === '200',
  'an event stream without the token opens': async () => isOpen(await asNobody('GET', `/api/companies/${company}/events/stream`)),
  'a WebSocket without the token opens': async () =>
    isOpen(await asNobody('GET', `/api/companies/${company}/events/ws`, { headers: websocketHeaders })),
  'a file is read without the token': async () => isOpen(await asNobody('GET', `/api/assets/${plan.asset}/content`)),
  'the API creates a company without the token': async () =>
    isOpen(await asNobody('POST', '/api/companies', { body: { name: 'Hostile' } })),
  'a forged run token is accepted': async () => {
    for (const forged of forgedTokens())
      if (isOpen(await request('GET', '/api/agents/me', { headers: { authorization: `Bearer ${forged}` } }))) return forged
    return false
  },
  'it approves its own proposal': async () => {
    const { body } = await asAgent('PATCH', `/api/agents/${self}`, proposal)
    const approval = body?.approval?.id ?? body?.id
    const answers = [
      await asNobody('POST', `/api/approvals/${approval}/approve`, { body: {} }),
      await asAgent('POST', `/api/approvals/${approval}/approve`, {}),
    ]
    return answers.some(isOpen)
  },
  'it makes itself a board credential': async () => {
    const answers = [await asNobody('POST', '/api/board/links', { body: {} }), await asAgent('POST', '/api/board/links', {})]
    return answers.some(isOpen)
  },
  'it makes an agent key': async () =>
    isOpen(await asAgent('POST', `/api/agents/${self}/keys`, {})) || isOpen(await asAgent('POST', `/api/agents/${plan.peer}/keys`, {})),
  'it becomes the CEO': async () => {
    for (const body of [{ role: 'ceo' }, { title: 'x', role: 'ceo' }, { reportsTo: null, role: 'ceo' }])
      await asAgent('PATCH', `/api/agents/${self}`, body)
    return (await asAgent('GET', '/api/agents/me')).body?.role === 'ceo'
  },
  'it makes a peer the CEO': async () => {
    await asAgent('PATCH', `/api/agents/${plan.peer}`, { role: 'ceo' })
    return (await asAgent('GET', `/api/agents/${plan.peer}`)).body?.role === 'ceo'
  },
  'it puts a peer under itself': async () => {
    await asAgent('PATCH', `/api/agents/${plan.peer}`, { reportsTo: self })
    return (await asAgent('GET', `/api/agents/${plan.peer}`)).body?.reportsTo === self
  },
  'it raises its permissions': async () =>
    isOpen(await asAgent('PATCH', `/api/agents/${self}/permissions`, { canCreateAgents: true, canAssignTasks: true })),
  'it raises its budget': async () => {
    const answers = [
      await asAgent('PATCH', `/api/agents/${self}`, { budgetMonthlyCents: 1_000_000 }),
      await asAgent('PATCH', `/api/agents/${self}`, { spentMonthlyCents: 0 }),
    ]
    return answers.some(({ status, body }) => status === 200 && body?.approval === undefined)
  },
  'it hires an agent that works at once': async () => {
    const { status, body } = await asAgent('POST', `/api/companies/${company}/agent-hires`, hostileHire)
    return status < 300 && body?.agent?.status !== undefined && body.agent.status !== 'pending_approval' ? body.agent.status : false
  },
  'it creates an agent': async () => isOpen(await asAgent('POST', `/api/companies/${company}/agents`, hostileHire)),
  'it captures an issue that a peer holds': async () => {
    const answers = [
      await asAgent('PATCH', `/api/issues/${plan.peerIssue}`, { assigneeAgentId: self }),
      await asAgent('POST', `/api/issues/${plan.peerIssue}/checkout`, { agentId: self, expectedStatuses: ['in_progress', 'todo'] }),
      await asAgent('POST', `/api/issues/${plan.peerIssue}/release`, {}),
      await asAgent('POST', `/api/issues/${plan.peerIssue}/admin/force-release`, {}),
      await asAgent('DELETE', `/api/issues/${plan.peerIssue}`),
    ]
    return answers.some(isOpen)
  },
  'it reads what a peer executes': async () => {
    const seen = []
    // Its own row contains the plan.
    const withoutOwn = ({ text, body }) => (Array.isArray(body) ? JSON.stringify(body.filter(({ id }) => id !== self)) : text)
    const look = async (target) => (withoutOwn(await asAgent('GET', target)).includes(plan.peerCanary) ? seen.push(target) : null)
    for (const rest of [
      'agents',
      'agent-configurations',
      'approvals',
      'activity',
      'heartbeat-runs',
      'live-runs',
      'org',
      'dashboard',
      'locks',
    ])
      await look(`/api/companies/${company}/${rest}`)
    for (const rest of ['', '/configuration', '/config-revisions', '/runtime-state', '/keys']) await look(`/api/agents/${plan.peer}${rest}`)
    for (const rest of ['', '/events', '/log', '/issues']) await look(`/api/heartbeat-runs/${plan.peerRun}${rest}`)
    return seen.join(' ')
  },
  'it reads a row of another company': async () => {
    const answers = [
      await asAgent('GET', `/api/companies/${plan.otherCompany}`),
      await asAgent('GET', `/api/issues/${plan.otherIssue}`),
      await asAgent('GET', `/api/companies/${plan.otherCompany}/activity`),
    ]
    return answers.some(isOpen)
  },
  'it reads a file of the home': () =>
    [...plan.secretFiles.filter(canRead), ...readableBelow(plan.home).filter((file) => !file.includes(self) && !file.includes(run))]
      .slice(0, 5)
      .join(' '),
  // The folders above its own may be there, empty but for its own.
  'it lists the home': () =>
    ['.', 'agents', 'runs', 'work']
      .flatMap((folder) => attempt(() => readdirSync(path.join(plan.home, folder)).map((name) => path.join(folder, name))) ?? [])
      .filter((name) => !['agents', 'runs', 'work'].includes(name) && !name.includes(self) && !name.includes(run))
      .join(' '),
  'it reads the environment of the server': () =>
    [plan.serverPid, ...serverPids()].filter((pid) => environOf(pid).includes('PAPERCLIP_HOME')).join(' '),
  'it opens the memory of the server': () =>
    serverPids()
      .filter((pid) => canAppend(`/proc/${pid}/mem`))
      .join(' '),
  'it signals the server': () =>
    serverPids()
      .filter((pid) => attempt(() => process.kill(pid, 0)) === true)
      .join(' '),
  'it opens the database as the superuser': async () => (await opensDatabase('postgres')) || (await opensDatabase('root')),
  'it writes into the program of the server': () =>
    ['src/main.ts', 'package.json']
      .map((name) => path.join(plan.program, name))
      .filter(canAppend)
      .join(' '),
  'it leaves files where only the server or its operator writes': () => {
    for (const folder of [plan.program, plan.operatorHome, plan.home]) leaveFileIn(folder)
  },
  'it reads the folder of a peer': () => canRead(path.join(plan.peerFolder, 'secret.txt')),
  'it finds the token of another run': () =>
    pids()
      .filter((pid) => /PAPERCLIP_API_KEY=/.test(environOf(pid)) && !environOf(pid).includes(run))
      .join(' '),
  'its environment contains a secret of the server': () =>
    Object.values(process.env).some((value) => value?.includes(plan.serverCanary) && value !== process.env.HOSTILE_PLAN),
  'it keeps capabilities or can gain privileges': () => {
    const status = attempt(() => readFileSync('/proc/self/status', 'utf8')) ?? ''
    const lines = status.split('\n').filter((line) => /^(CapEff|CapPrm|NoNewPrivs):/.test(line))
    return lines.some((line) => (line.startsWith('Cap') ? !/\t0+$/.test(line) : !line.endsWith('1'))) ? lines.join(' ') : false
  },
  'it becomes root': () => {
    for (const [command, ...args] of [
      ['sudo', '-n', 'id', '-u'],
      ['su', '-c', 'id -u'],
      ['setpriv', '--reuid', '0', 'id', '-u'],
    ]) {
      const { stdout } = spawnSync(command, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: 3000 })
      if (String(stdout ?? '').trim() === '0' && process.getuid() !== 0) return command
    }
    return process.getuid() === 0 && plan.serverUid === 0 ? 'is root' : false
  },
  'it opens more runs than its quota': async () => {
    const opened = (await Promise.all(Array.from({ length: 120 }, () => asAgent('POST', `/api/agents/${self}/runs`, {})))).filter(
      ({ status }) => status === 201,
    )
    for (const { body } of opened)
      await request('POST', `/api/heartbeat-runs/${body.run.id}/finish`, {
        headers: { authorization: `Bearer ${body.token}` },
        body: { status: 'succeeded' },
      })
    return opened.length > 50 ? `${opened.length} opened` : false
  },
  'a flood of requests is answered whole': async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 32 })
    const answers = await Promise.all(Array.from({ length: 1500 }, () => request('GET', '/api/agents/me', { headers: bearer, agent })))
    agent.destroy()
    return answers.every(({ status }) => status === 200)
  },
}

const only = plan.only ?? Object.keys(attacks)
for (const name of only) {
  let worked = false
  let note = ''
  try {
    const seen = await attacks[name]()
    worked = Boolean(seen)
    if (typeof seen === 'string') note = seen
  } catch (error) {
    note = String(error)
  }
  say({ attack: name, worked, note: note.slice(0, 300) })
}

if (plan.stall === true) {
  // The harness looks, meanwhile, whether the board and another company are served.
  const held = [...stalledUploads(20), ...idle(300), ...streams(40), ...neverRead(50)]
  say({ stalling: held.length })
  await sleep(plan.stallMs)
  for (const socket of held) socket.destroy()
  say({ stalled: true })
}

if (plan.stray === true) {
  // It leaves its session, its group and its environment, and goes on after the run.
  const stray = `process.title = 'hostile-stray'; setInterval(() => { const r = require('node:http').request({ host: '127.0.0.1', port: ${port}, path: '/api/companies', method: 'POST', headers: { 'content-type': 'application/json' } }); r.on('error', () => {}); r.on('response', (x) => x.resume()); r.end(JSON.stringify({ name: 'Stray' })) }, 300)`
  const between = `const c = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(stray)}], { detached: true, env: {}, stdio: 'ignore' }); c.unref()`
  spawnSync(process.execPath, ['-e', between], { env: {}, stdio: 'ignore' })
  say({ stray: true })
}
