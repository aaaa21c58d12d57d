import { chmod, chown, lstat, mkdir, readFile, readdir, readlink, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ensureBinaries } from './binaries.ts'
import {
  NOBODY,
  queryOnce,
  checkoutIn,
  isRoot,
  linksIn,
  spawnOwner,
  packageIn,
  existingPaths,
  insertMarkerRow,
  hasMarkerRow,
  scratchFolder,
} from './scratch.fixture.ts'

const SLOW_MS = 60_000
const silent = (): void => undefined

describe('the installed package', { timeout: SLOW_MS }, () => {
  test('links and exec bits that an install without scripts leaves out are made in place, once', async () => {
    const packageFolder = join(await scratchFolder(), 'package')
    await packageIn(packageFolder)
    await chmod(join(packageFolder, 'native/bin/initdb'), 0o644)
    const links = await linksIn(packageFolder)
    expect(await existingPaths(links)).toEqual([])

    const options = { packageFolder, copyInto: join(packageFolder, 'never'), account: null, log: silent }
    expect(await Promise.all([ensureBinaries(options), ensureBinaries(options)])).toEqual(Array(2).fill(join(packageFolder, 'native')))
    expect(await existingPaths(links)).toEqual(links)
    expect(links.length).toBeGreaterThan(5)
    expect((await stat(join(packageFolder, 'native/bin/initdb'))).mode & 0o111).toBe(0o111)
    expect(await existingPaths([options.copyInto])).toEqual([])
    expect(await ensureBinaries(options)).toBe(join(packageFolder, 'native'))
  })

  test.skipIf(!isRoot)('two starts that copy at once share one whole copy (needs root, for an account that is shut out)', async () => {
    const folder = await scratchFolder()
    const packageFolder = join(folder, 'closed', 'package')
    await packageIn(packageFolder)
    await chmod(dirname(packageFolder), 0o700)
    const copyInto = join(folder, 'copies')
    const options = { packageFolder, copyInto, account: { uid: NOBODY, gid: NOBODY }, log: silent }
    const [one, other] = await Promise.all([ensureBinaries(options), ensureBinaries(options)])
    expect(one).toBe(other)
    expect(await readdir(copyInto)).toEqual([one.slice(copyInto.length + 1)])
    expect((await readdir(one, { recursive: true })).length).toBe(
      (await readdir(join(packageFolder, 'native'), { recursive: true })).length,
    )
    // The account may run the copy and must not be able to change it.
    const { uid, mode } = await stat(join(one, 'bin/postgres'))
    expect({ uid, writable: mode & 0o022 }).toEqual({ uid: 0, writable: 0 })
  })
})

describe('a checkout below a closed folder', { timeout: SLOW_MS }, () => {
  test.skipIf(!isRoot)('root runs copied binaries on data it has put where Postgres can reach it (needs root)', async () => {
    const folder = await scratchFolder()
    const closed = join(folder, 'closed')
    const systemFolder = join(folder, 'system')
    const home = join(closed, 'home')
    await mkdir(closed, { mode: 0o700 })
    const from = await checkoutIn(join(closed, 'checkout'))
    const surroundings = { systemFolder }

    // Hardened machines give root this umask, and what it makes for Postgres must be passable all the same.
    const first = spawnOwner({ home, from, surroundings, umask: 0o077 })
    await insertMarkerRow(await first.connection(), 'kept')
    const data = await readlink(join(home, 'postgres'))
    expect(data.startsWith(join(systemFolder, 'data'))).toBe(true)
    expect(await readFile(join(dirname(data), 'home'), 'utf8')).toBe(`${home}\n`)
    expect((await readdir(systemFolder)).filter((name) => /^\d/.test(name))).toHaveLength(1)
    expect((await lstat(closed)).mode & 0o777).toBe(0o700)
    await first.stop()

    const second = spawnOwner({ home, from, surroundings })
    expect(await hasMarkerRow(await second.connection(), 'kept')).toBe(true)
    await second.stop()

    // Whoever deletes the home wants to start afresh; the old rows stay where they are for a human to decide about.
    await rm(home, { recursive: true })
    const third = spawnOwner({ home, from, surroundings })
    expect(await queryOnce(await third.connection(), `select to_regclass('kept') as kept`)).toEqual([{ kept: null }])
    expect(await existingPaths([data])).toEqual([data])
    await third.stop()
  })

  test.skipIf(!isRoot)(
    'an ordinary user needs nothing outside of it, even where node_modules is read-only (needs root, to become one)',
    async () => {
      const folder = await scratchFolder()
      const closed = join(folder, 'closed')
      const home = join(closed, 'home')
      const from = await checkoutIn(join(closed, 'checkout'))
      // The checkout stays root's, installed without scripts: the links are missing, and the user cannot make them there.
      await chown(closed, NOBODY, NOBODY)
      await chmod(closed, 0o700)

      const first = spawnOwner({ home, from, uid: NOBODY, surroundings: { systemFolder: '/nowhere' } })
      await insertMarkerRow(await first.connection(), 'kept')
      expect((await stat(join(home, 'postgres'))).uid).toBe(NOBODY)
      expect(await readdir(join(home, 'native'))).toHaveLength(1)
      expect((await stat(home)).mode & 0o777).toBe(0o700)
      await first.kill()

      const second = spawnOwner({ home, from, uid: NOBODY, surroundings: { systemFolder: '/nowhere' } })
      expect(await hasMarkerRow(await second.connection(), 'kept')).toBe(true)
      await second.stop()

      // And root after that: the data keeps its owner, so that one `sudo npm start` locks nobody out.
      const third = spawnOwner({ home, from, surroundings: { systemFolder: join(folder, 'system') } })
      expect(await hasMarkerRow(await third.connection(), 'kept')).toBe(true)
      await third.stop()
      expect((await stat(join(home, 'postgres', 'PG_VERSION'))).uid).toBe(NOBODY)
    },
  )
})
