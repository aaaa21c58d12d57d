import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { canStartAsOrdinary, ordinaryAccount, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import { placeProblems } from './placeProblems.ts'

const free = { host: '127.0.0.1', port: 0 }

async function takenPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

describe('the places of a server', { timeout: 180_000 }, () => {
  test('A home that does not exist yet is no problem, and looking makes nothing', async () => {
    const folder = temporaryHome()
    expect(await placeProblems({ ...free, home: path.join(folder, 'a', 'b') })).toEqual([])
    expect(readdirSync(folder)).toEqual([])
  })

  test('A home that is a file, or below one, is named with its variable (K40)', async () => {
    const file = path.join(temporaryHome(), 'file')
    writeFileSync(file, '')
    for (const home of [file, path.join(file, 'below')])
      expect(await placeProblems({ ...free, home })).toEqual([
        `PAPERCLIP_HOME: ${file} is not a folder: set it to a folder, or to one that can be made`,
      ])
  })

  test('Addresses that this machine does not have, and names that nobody knows, are reported under HOST (K40)', async () => {
    const home = temporaryHome()
    expect(await placeProblems({ home, host: '192.0.2.1', port: 3100 })).toEqual([expect.stringMatching(/^HOST: .*EADDRNOTAVAIL/)])
    expect(await placeProblems({ home, host: 'no-such-host.invalid', port: 3100 })).toEqual([
      expect.stringMatching(/^HOST: the name no-such/),
    ])
  })

  test('A taken port and a home that is a file are reported together, and nothing is made (K40)', async () => {
    const folder = temporaryHome()
    writeFileSync(path.join(folder, 'server'), '')
    const port = await takenPort()
    const server = startServerProcess({ home: folder, env: { PORT: String(port) } })
    expect(await server.exited).toEqual({ code: 1, signal: null })
    expect(server.stderr()).toMatch(/\n {2}PAPERCLIP_HOME: .*\n {2}PORT: another process listens on 127\.0\.0\.1:\d+ \(EADDRINUSE\)/)
    expect(readdirSync(folder)).toEqual(['server'])
    expect(server.lines).toEqual([])

    const other = startServerProcess({ home: temporaryHome(), env: { PORT: String(port) } })
    expect(await other.exited).toEqual({ code: 1, signal: null })
    expect(existsSync(other.home)).toBe(false)
  })

  test.skipIf(!canStartAsOrdinary())(
    'A home that the account of the server cannot write is reported before anything is made (K40; needs root)',
    async () => {
      const folder = temporaryHome()
      const home = path.join(folder, 'server')
      mkdirSync(home, { mode: 0o555 })
      chownSync(home, 0, 0)
      const server = startServerProcess({ home: folder, account: ordinaryAccount })
      expect(await server.exited).toEqual({ code: 1, signal: null })
      expect(server.stderr()).toMatch(/PAPERCLIP_HOME: .* cannot be written by the account of this server \(uid 1\) \(EACCES\)/)
      expect(readdirSync(home)).toEqual([])
    },
  )
})
