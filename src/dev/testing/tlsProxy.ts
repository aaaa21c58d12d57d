import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { request as ask } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** A value in the notation of certificates (DER): its tag, its length, its content. */
const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  // Browsers accept the shortest form of a length only.
  const written = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...written]), content])
}
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const identifier = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const pem = (label: string, bytes: Buffer): string => `-----BEGIN ${label}-----\n${bytes.toString('base64')}\n-----END ${label}-----\n`

/** ecdsa-with-SHA256, common name, subject alternative name. */
const [ECDSA, COMMON_NAME, ALTERNATIVE_NAME] = ['2a8648ce3d040302', '550403', '551d11'] as const

/** A key and a certificate for a host name that it has signed itself. No program of the system is needed, and no key is kept. */
function selfSigned(host: string): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const algorithm = sequence(identifier(ECDSA))
  const name = sequence(der(0x31, sequence(identifier(COMMON_NAME), der(0x0c, Buffer.from(host)))))
  const validity = sequence(...['200101000000Z', '491231235959Z'].map((time) => der(0x17, Buffer.from(time))))
  const alternative = sequence(identifier(ALTERNATIVE_NAME), der(0x04, sequence(der(0x82, Buffer.from(host)))))
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(alternative)),
  )
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: pem('CERTIFICATE', sequence(body, algorithm, signature)),
  }
}

export interface TlsProxy {
  /** The address by which browsers reach it. */
  readonly origin: string
  /** The URL of the server behind it. */
  target: string
  close(): void
}

/** A proxy that speaks TLS in front of a server, as a public one has it, with a certificate that it has signed itself. */
export async function startTlsProxy(host: string): Promise<TlsProxy> {
  const server = createServer(selfSigned(host), (request, response) => {
    const headers = { ...request.headers, 'x-forwarded-for': request.socket.remoteAddress, 'x-forwarded-proto': 'https' }
    const passed = ask(new URL(request.url ?? '/', proxy.target), { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    request.pipe(passed)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: TlsProxy = {
    origin: `https://${host}:${(server.address() as AddressInfo).port}`,
    target: '',
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return proxy
}
