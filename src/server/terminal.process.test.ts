import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import { databaseEnvOf, pollFor, temporaryHome } from '../dev/testing/serverProcess.ts'
import { banner } from './banner.ts'

const SLOW_MS = 180_000

describe('the output on a terminal', { timeout: SLOW_MS }, () => {
  const hasScript = ((): boolean => {
    try {
      execFileSync('script', ['--version'], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })()

  test('The banner shows the addresses of the server and never the database URL', () => {
    const board = { boardSentence: 'The board needs its token.', signInPath: '/board/sign-in?code=once', claimUrl: null }
    const facts = { url: 'http://127.0.0.1:3100', database: 'DATABASE_URL', home: '/somewhere', version: '1.2.3', ...board }
    const shown = banner({ ...facts, isolation: { kind: 'namespace', reason: 'bubblewrap works' } })
    expect(shown).toContain('paperclip-server 1.2.3')
    expect(shown).toContain('http://127.0.0.1:3100/api/docs')
    expect(shown).toContain('namespace: bubblewrap works')
    // Bold, because agents may then do whatever the server may.
    expect(banner({ ...facts, isolation: { kind: 'none', reason: 'no tool' } })).toContain('\u001B[1mnot isolated')
    expect(shown).toContain('\u001B[1mThe board needs its token.')
    expect(shown).toContain('http://127.0.0.1:3100/board/sign-in?code=once')
    expect(shown).not.toContain('Claim')
    const claimUrl = 'https://clips.example/board-claim/once?code=again'
    expect(banner({ ...facts, claimUrl, isolation: { kind: 'none', reason: 'no tool' } })).toContain(`Claim     ${claimUrl}`)
  })

  test.skipIf(!hasScript)('A terminal gets the banner instead of JSON lines (needs `script`, for a terminal)', async () => {
    const database = await cloneDatabase()
    onTestFinished(() => database.drop())
    const home = temporaryHome()
    const terminal = spawn('script', ['-qefc', `exec "${process.execPath}" src/launch/start.js`, '/dev/null'], {
      env: { ...process.env, PAPERCLIP_HOME: home, PORT: '0', ...databaseEnvOf(database.connection, database.owner) },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    onTestFinished(() => void terminal.kill('SIGKILL'))
    let shown = ''
    terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
    await pollFor('the banner', () => shown.includes('Home'))
    expect(shown).toMatch(/API\s+http:\/\/127\.0\.0\.1:\d+\/api\s/)
    expect(shown).not.toContain('{"level"')
    // Ctrl-C as a person types it: the terminal turns it into a signal.
    terminal.stdin.write('\u0003')
    expect(await once(terminal, 'close')).toEqual([0, null])
    expect(shown).toContain('stopping')
  })
})
