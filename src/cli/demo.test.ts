import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { runCommandLine } from '../dev/testing/commandLine.ts'
import { useServer } from '../dev/testing/world.ts'

const server = useServer()
const run = promisify(execFile)

/** Runs `npm run demo` with these variables, and none of the shell's that name a server. */
const demo = (variables: Readonly<Record<string, string>>) =>
  run(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'demo'], {
    env: { PATH: process.env['PATH'], PAPERCLIP_HOME: '/nonexistent', ...variables },
  })

test('The demo finds a server by its PORT, as the server was started with it', async () => {
  const { stdout } = await demo({ PORT: new URL(server().url).port })
  expect(stdout).toContain(`${server().url}/api/companies/`)
  const { body } = await server().board.get('/api/companies')
  expect(body).toContainEqual(expect.objectContaining({ name: 'Demo company' }))
})

test('The demo sends the token of the board that it is given', async () => {
  const seen: (string | undefined)[] = []
  const recorder = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(401).end('{"error":"Unauthorized 401"}')
  }).listen(0, '127.0.0.1')
  await once(recorder, 'listening')
  const { port } = recorder.address() as AddressInfo
  const env = { PORT: String(port), PAPERCLIP_API_KEY: 'token-of-the-board' }
  expect(await runCommandLine(['demo'], { env })).toMatchObject({ exit: 4, err: expect.stringContaining('401') as string })
  recorder.close()
  expect(seen).toEqual(['Bearer token-of-the-board'])
})
