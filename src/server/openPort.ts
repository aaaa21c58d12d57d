import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Config } from './config.ts'
import { listenProblem } from './placeProblems.ts'
import type { SecretRegister } from './secretRegister.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'

async function listen(server: Server, config: Config): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: Error): void => {
      const problem = listenProblem(error, config)
      reject(problem === null ? error : startProblem(problem, error))
    }
    server.once('error', refuse)
    server.listen({ port: config.port, host: config.host }, () => {
      server.off('error', refuse)
      resolve()
    })
  })
  return (server.address() as AddressInfo).port
}

/** Registers the secret, then opens the port. A server that does not get its port leaves the register. */
export async function openPort(server: Server, config: Config, join: () => Promise<SecretRegister>) {
  const register = await join()
  try {
    return { register, url: urlOf(config.host, await listen(server, config)) }
  } catch (error) {
    await register.leave().catch(() => {})
    throw error
  }
}

/** Returns the URL of the server on this machine. A wildcard host is replaced, because it is not an address. */
function urlOf(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
