import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadOrCreateSecret } from './secret.ts'

const run = promisify(execFile)
const script = `import { loadOrCreateSecret } from ${JSON.stringify(new URL('./secret.ts', import.meta.url).href)}; process.stdout.write(loadOrCreateSecret(process.argv[1]))`

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'paperclip-secret-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the kept secret', () => {
  test('is made once, readable by its owner alone, in a home that is too', () => {
    const home = path.join(folder, 'home')
    const made = loadOrCreateSecret(home)
    expect(made).toMatch(/^[\w-]{64}$/)
    expect(loadOrCreateSecret(home)).toBe(made)
    expect(readFileSync(path.join(home, 'agent-jwt-secret'), 'utf8')).toBe(`${made}\n`)
    expect((statSync(path.join(home, 'agent-jwt-secret')).mode & 0o777).toString(8)).toBe('600')
    expect((statSync(home).mode & 0o777).toString(8)).toBe('700')
    expect(readdirSync(home)).toEqual(['agent-jwt-secret'])
  })

  test('two homes have two secrets', () => {
    expect(loadOrCreateSecret(path.join(folder, 'a'))).not.toBe(loadOrCreateSecret(path.join(folder, 'b')))
  })

  test('processes that start at once agree on one', async () => {
    const starts = Array.from({ length: 4 }, () =>
      run(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script, path.join(folder, 'home')]),
    )
    const secrets = (await Promise.all(starts)).map(({ stdout }) => stdout)
    expect(new Set(secrets).size).toBe(1)
    expect(secrets[0]).toMatch(/^[\w-]{64}$/)
  })

  test('a secret that others can read is not used', () => {
    loadOrCreateSecret(folder)
    chmodSync(path.join(folder, 'agent-jwt-secret'), 0o644)
    expect(() => loadOrCreateSecret(folder)).toThrow(/0600/)
  })

  test('a file that a full disk left empty is refused by name, not signed with', () => {
    const file = path.join(folder, 'agent-jwt-secret')
    writeFileSync(file, '', { mode: 0o600 })
    expect(() => loadOrCreateSecret(folder)).toThrow(`${file} is damaged`)
  })
})
