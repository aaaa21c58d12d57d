import { chmod, chown, lstat, mkdir, readFile, readdir, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
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

const SLOW_MS = 180_000
// Folders are on the disk, where the packages are as a rule: a copy of them is one of links (`packageIn`).
const silent = (): void => undefined

describe('ensureBinaries', { timeout: SLOW_MS }, () => {
  test('Links and exec bits that an install without scripts leaves out are added in place, once', async () => {
    const packageFolder = join(await scratchFolder(tmpdir()), 'package')
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

  test('A system without glibc, where no binary runs, ends the start with a sentence about DATABASE_URL, and nothing is copied', async () => {
    const packageFolder = join(await scratchFolder(tmpdir()), 'package')
    await packageIn(packageFolder)
    // A program whose loader does not exist.
    await rm(join(packageFolder, 'native/bin/postgres'))
    await writeFile(join(packageFolder, 'native/bin/postgres'), '#!/no/such/loader\n', { mode: 0o755 })
    const copyInto = join(packageFolder, 'never')
    const options = { packageFolder, copyInto, account: null, log: silent }
    await expect(ensureBinaries({ ...options, hasGlibc: () => false })).rejects.toThrow(/musl.*set DATABASE_URL to a Postgres of your own/)
    expect(await existingPaths([copyInto])).toEqual([])
    await expect(ensureBinaries(options)).rejects.toThrow(/do not run/)
  })

  test.skipIf(!isRoot)(
    'Two concurrent starts that need a copy share one complete copy (needs root, for an account without access)',
    async () => {
      const folder = await scratchFolder(tmpdir())
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
      // The account may run the copy but must not be able to change it.
      const { uid, mode } = await stat(join(one, 'bin/postgres'))
      expect({ uid, writable: mode & 0o022 }).toEqual({ uid: 0, writable: 0 })
    },
  )
})

describe('startEmbedded with a checkout below a closed folder', { timeout: SLOW_MS }, () => {
  test.skipIf(!isRoot)(
    'As root the server runs copied binaries, and its data is in a folder that Postgres can reach (needs root)',
    async () => {
      const folder = await scratchFolder(tmpdir())
      const closed = join(folder, 'closed')
      const systemFolder = join(folder, 'system')
      const home = join(closed, 'home')
      await mkdir(closed, { mode: 0o700 })
      const program = await checkoutIn(join(closed, 'checkout'))
      const surroundings = { systemFolder }

      // Hardened machines give root this umask. The folders that it creates for Postgres must still be accessible.
      const first = await spawnOwner({ home, program, surroundings, umask: 0o077 })
      await insertMarkerRow(await first.connection(), 'kept')
      const data = await readlink(join(home, 'postgres'))
      expect(data.startsWith(join(systemFolder, 'data'))).toBe(true)
      expect(await readFile(join(dirname(data), 'home'), 'utf8')).toBe(`${home}\n`)
      expect((await readdir(systemFolder)).filter((name) => /^\d/.test(name))).toHaveLength(1)
      expect((await lstat(closed)).mode & 0o777).toBe(0o700)
      await first.stop()

      const second = await spawnOwner({ home, program, surroundings })
      expect(await hasMarkerRow(await second.connection(), 'kept')).toBe(true)
      await second.stop()

      // An operator who deletes the home wants to start afresh. The old rows are kept, for the operator to decide about.
      await rm(home, { recursive: true })
      const third = await spawnOwner({ home, program, surroundings })
      expect(await queryOnce(await third.connection(), `select to_regclass('kept') as kept`)).toEqual([{ kept: null }])
      expect(await existingPaths([data])).toEqual([data])
      await third.stop()
    },
  )

  test.skipIf(!isRoot)(
    'An ordinary user needs no folder outside the checkout, even if node_modules is read-only (needs root, to change the account)',
    async () => {
      const folder = await scratchFolder(tmpdir())
      const closed = join(folder, 'closed')
      const home = join(closed, 'home')
      const program = await checkoutIn(join(closed, 'checkout'))
      // The checkout belongs to root and was installed without scripts: the links are missing, and the user cannot add them.
      await chown(closed, NOBODY, NOBODY)
      await chmod(closed, 0o700)

      const first = await spawnOwner({ home, program, uid: NOBODY, surroundings: { systemFolder: '/nowhere' } })
      await insertMarkerRow(await first.connection(), 'kept')
      expect((await stat(join(home, 'postgres'))).uid).toBe(NOBODY)
      expect(await readdir(join(home, 'native'))).toHaveLength(1)
      expect((await stat(home)).mode & 0o777).toBe(0o700)
      await first.kill()

      const second = await spawnOwner({ home, program, uid: NOBODY, surroundings: { systemFolder: '/nowhere' } })
      expect(await hasMarkerRow(await second.connection(), 'kept')).toBe(true)
      await second.stop()

      // Then root starts it: the data keeps its owner, so that one `sudo npm start` does not lock the user out.
      const third = await spawnOwner({ home, program, surroundings: { systemFolder: join(folder, 'system') } })
      expect(await hasMarkerRow(await third.connection(), 'kept')).toBe(true)
      await third.stop()
      expect((await stat(join(home, 'postgres', 'PG_VERSION'))).uid).toBe(NOBODY)
    },
  )
})
