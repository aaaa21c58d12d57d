import { beforeEach, describe, expect, test } from 'vitest'
import { captureLog } from '../dev/testing/captureLog.ts'
import { useServer, world } from '../dev/testing/world.ts'

const lines = captureLog()
const server = useServer({ isTerminal: true, log: lines.log })

/** The lines of requests so far, without what changes from run to run. */
const sentences = (): string[] =>
  lines
    .text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: number; msg: string })
    .map(({ level, msg }) => `${level} ${msg.replace(/ \d+ ms /, ' N ms ')}`)

beforeEach(() => lines.clear())

describe('the log on a terminal', () => {
  test('A request is one line: method, path, status, code of a refusal, time, and who asked (K47)', async () => {
    const here = await world(server())
    const run = await here.run(await here.agent())
    const issue = await here.issue()
    expect((await here.checkout(run, issue.id)).status).toBe(200)
    const ada = await here.agent({ name: 'Ada' })
    const second = await here.run(ada)
    lines.clear()
    await second.client.patch(`/api/issues/${issue.identifier}?include=secret`, { title: 'No' })
    await run.client.get(`/api/issues/${issue.id}`)
    await server().board.get('/api/nothing/here')
    expect(sentences()).toEqual([
      expect.stringMatching(new RegExp(`^30 PATCH /api/issues/${issue.identifier} 4\\d\\d \\w+ N ms Ada$`)),
      expect.stringMatching(new RegExp(`^30 GET /api/issues/${issue.id} 200 N ms Agent \\d+$`)),
      '30 GET /api/nothing/here 404 route_not_found N ms anonymous',
    ])
    expect(lines.text()).not.toContain('secret')
  })

  test('A token in a path is not written, only of what kind it is', async () => {
    await server().board.get('/api/invites/pcp_invite_abcDEF-_0123456789')
    await server().board.get('/invite/pcp_invite_abc%20DEF')
    expect(sentences()).toEqual([
      '30 GET /api/invites/pcp_invite_… 404 not_found N ms board',
      '30 GET /invite/pcp_invite_…%20DEF 404 route_not_found N ms anonymous',
    ])
  })

  test('A name and a path cannot write to the terminal, and are cut (K47)', async () => {
    const here = await world(server())
    const evil = await here.agent({ name: `Eve\u001B[31m\u009B2J\u2028${'x'.repeat(100)}` })
    lines.clear()
    await evil.client.get(`/api/issues/%1B[2J${'y'.repeat(300)}`)
    const [line = ''] = sentences()
    expect(line).not.toMatch(/[\p{C}\p{Zl}]/u)
    expect(line).toContain('Eve?[31m?2J?x')
    expect(line.length).toBeLessThan(300)
  })

  test('A health check that succeeds is a line at debug only (K47)', async () => {
    await server().board.get('/api/health')
    expect(sentences()).toEqual(['20 GET /api/health 200 N ms board'])
  })
})
