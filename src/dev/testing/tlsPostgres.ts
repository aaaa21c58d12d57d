import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, copyFileSync, existsSync, readlinkSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { startEmbedded } from '../../platform/embedded/index.ts'
import { freePort } from './freePort.ts'
import { makeHome, pollFor, postgresProcessesUnder, removeHome } from './serverProcess.ts'

const OPENSSL = '/usr/bin/openssl'

const openssl = (...args: readonly string[]): void => void execFileSync(OPENSSL, args, { stdio: 'ignore' })

/** Makes an authority in a folder. @returns the file of its certificate */
function makeAuthority(folder: string, name: string): string {
  const file = path.join(folder, `${name}.crt`)
  const request = ['-subj', `/CN=${name}`, '-days', '2', '-keyout', path.join(folder, `${name}.key`), '-out', file]
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...request)
  return file
}

/** Makes a certificate for `localhost` that the authority has signed. */
function makeCertificate(folder: string, authority: string): { readonly key: string; readonly cert: string } {
  const [key, request, cert, extension] = ['server.key', 'server.csr', 'server.crt', 'server.ext'].map((name) =>
    path.join(folder, name),
  ) as [string, string, string, string]
  writeFileSync(extension, 'subjectAltName=DNS:localhost\n')
  openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', key, '-out', request)
  const signer = ['-CA', authority, '-CAkey', authority.replace(/crt$/, 'key'), '-CAcreateserial']
  openssl('x509', '-req', '-in', request, ...signer, '-days', '2', '-extfile', extension, '-out', cert)
  return { key, cert }
}

export interface TlsPostgres {
  readonly port: number
  readonly user: string
  readonly password: string
  /** The certificate of the authority that signed that of this Postgres. */
  readonly authority: string
  /** The certificate of an authority that did not. */
  readonly stranger: string
  stop(): Promise<void>
}

/** Starts a Postgres with a port at 127.0.0.1 that takes encrypted connections only. Its certificate is for `localhost`. */
export async function startTlsPostgres(): Promise<TlsPostgres> {
  const folder = makeHome()
  const postgres = await startEmbedded({ home: folder, durable: false })
  const [pid = 0] = postgresProcessesUnder(folder)
  const program = readlinkSync(`/proc/${pid}/exe`)
  const { user, password } = postgres.ownerConnection as { user: string; password: string }
  await postgres.stop()

  const data = realpathSync(path.join(folder, 'postgres'))
  const { uid, gid } = statSync(data)
  const [authority, stranger] = [makeAuthority(folder, 'authority'), makeAuthority(folder, 'stranger')]
  const made = makeCertificate(folder, authority)
  for (const [name, file] of Object.entries(made)) {
    const copy = path.join(data, `server.${name}`)
    copyFileSync(file, copy)
    chmodSync(copy, 0o600)
    chownSync(copy, uid, gid)
  }
  writeFileSync(path.join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n')
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    ssl: 'on',
    ssl_cert_file: 'server.cert',
    fsync: 'off',
  }
  const child = spawn(program, ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])], {
    cwd: data,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(process.getuid?.() === 0 ? { uid, gid } : {}),
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = once(child, 'close')
  await pollFor('Postgres listens with encryption', () => {
    if (child.exitCode !== null) throw new Error(said)
    return said.includes('ready to accept connections')
  })
  return {
    port,
    user,
    password,
    authority,
    stranger,
    async stop() {
      child.kill('SIGINT')
      await ended
      await removeHome(folder)
    },
  }
}

export const hasOpenssl = (): boolean => existsSync(OPENSSL)
