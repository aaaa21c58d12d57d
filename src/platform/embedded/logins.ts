// The two logins of the cluster and the rules by which it lets them in.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { flushFolder } from '../home/privateFile.ts'
import type { DatabasePasswords } from '../home/secret.ts'
import type { Cluster } from './parameters.ts'
import { asAccount } from './account.ts'
import { runToExit } from './runToExit.ts'
import { clearStaleInstance } from './staleInstance.ts'
import { APPLICATION, singleUserArguments, SUPERUSER } from './settings.ts'

/** Every login needs its password, also the superuser, and there is no other way in. */
const HBA = `# Written by paperclip-server at each start.
local all all scram-sha-256
local replication ${SUPERUSER} scram-sha-256
`

/** Names the passwords that the cluster has. It travels with the data, so a restored cluster gets the passwords of its home again. */
const MARKER = 'paperclip_logins'

/** A number that changes when the statements below do: then they are run again on old data. */
const VERSION = 1

/** How long another start may be busy with the same data, and how often to look. */
const BUSY_WITHIN_MS = 10_000
const BUSY_POLL_MS = 50

const BUSY = /pre-existing shared memory block .* is still in use|lock file ".*" already exists/

/**
 * Makes the cluster accept these passwords and nothing else. It costs a file read when the cluster has them already, and
 * otherwise a run of Postgres without any socket (50 ms), so that no connection is ever accepted without a password.
 */
export async function ensureLogins(cluster: Cluster, passwords: DatabasePasswords): Promise<void> {
  const { data } = cluster.dataDir
  await requirePasswords(data, cluster)
  const deadline = performance.now() + BUSY_WITHIN_MS
  while ((await readFile(join(data, MARKER), 'utf8').catch(() => '')) !== markerOf(passwords)) {
    await clearStaleInstance(data, new AbortController().signal, cluster.log)
    cluster.log('setting the passwords of the embedded database', {})
    try {
      await setLogins(data, cluster, passwords)
    } catch (error) {
      if (!BUSY.test(String(error)) || performance.now() > deadline) throw error
      await sleep(BUSY_POLL_MS)
    }
  }
}

/** Sets the passwords in a cluster on which no Postgres runs. */
export async function setLogins(folder: string, cluster: Cluster, passwords: DatabasePasswords): Promise<void> {
  await requirePasswords(folder, cluster)
  const { account, deathSignal, native } = cluster
  const outputFile = `${folder}.logins-${randomBytes(6).toString('hex')}.log`
  const ended = await runToExit(outputFile, {
    deathSignal,
    account,
    file: join(native, 'bin', 'postgres'),
    arguments: singleUserArguments(folder, cluster.durable),
    input: statements(passwords),
  })
  if (ended !== null) throw new Error(`Postgres could not set its passwords: it ended with ${ended}`)
  await writeAsPostgres(join(folder, MARKER), markerOf(passwords), cluster)
}

async function requirePasswords(folder: string, cluster: Cluster): Promise<void> {
  const file = join(folder, 'pg_hba.conf')
  if ((await readFile(file, 'utf8').catch(() => '')) !== HBA) await writeAsPostgres(file, HBA, cluster)
}

// One statement per line: a single-user Postgres runs each line. The attributes are stated every time, so that a role that
// was raised is lowered again. Only verifiers are sent, so the passwords stand in no file of Postgres.
const statements = (passwords: DatabasePasswords): string =>
  [
    `alter role ${SUPERUSER} login superuser password '${scramVerifier(passwords.owner)}'`,
    `do $$ begin if not exists (select from pg_roles where rolname = '${APPLICATION}') then create role ${APPLICATION}; end if; end $$`,
    `alter role ${APPLICATION} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit password '${scramVerifier(passwords.application)}'`,
  ]
    .map((statement) => `${statement};\n`)
    .join('')

/** A hash over random passwords of 256 bits says nothing about them. */
const markerOf = ({ owner, application }: DatabasePasswords): string =>
  `${createHash('sha256')
    .update(JSON.stringify([VERSION, owner, application]))
    .digest('hex')}\n`

/** Iterations make weak passwords expensive to guess. These have 256 random bits, and a lost database is reconnected to by many at once. */
const ITERATIONS = 1

/** The form in which Postgres stores a password (RFC 5803): the password cannot be computed from it. */
function scramVerifier(password: string): string {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256')
  const keyOf = (name: string): Buffer => createHmac('sha256', salted).update(name).digest()
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${keyOf('Server Key').toString('base64')}`
}

/** Replaces a file of the cluster. The folder belongs to the account of Postgres, so root must not follow a link that stands there. */
async function writeAsPostgres(file: string, text: string, { account, durable }: Cluster): Promise<void> {
  const temporaryFile = `${file}.${randomBytes(6).toString('hex')}`
  const handle = await open(temporaryFile, 'wx', 0o600)
  try {
    const { uid, gid } = asAccount(account)
    if (uid !== undefined && gid !== undefined) await handle.chown(uid, gid)
    await handle.writeFile(text)
    if (durable) await handle.sync()
    await rename(temporaryFile, file)
    if (durable) flushFolder(dirname(file))
  } catch (error) {
    await rm(temporaryFile, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}
