import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

interface Message {
  readonly id?: number
  readonly result?: { readonly tools?: readonly { readonly name: string }[]; readonly content?: readonly { readonly text: string }[] }
  readonly error?: unknown
}

/** An MCP server that communicates over stdio, as an agent's harness starts it. */
export interface McpServer {
  tools(): Promise<readonly string[]>
  /** @returns the parsed JSON answer of the tool, or its text when it is not JSON */
  callTool(tool: string, toolArguments: object): Promise<unknown>
  stop(): Promise<void>
}

/** Time limit for the answer to one request. */
const TIMEOUT_MS = 30_000

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Starts an MCP server and initializes the session. */
export async function startMcpServer(file: string, env: Readonly<Record<string, string>>): Promise<McpServer> {
  const child = spawn(file, { env: { PATH: process.env['PATH'], ...env }, stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'close')
  const pendingRequests = new Map<number, (message: Message) => void>()
  createInterface(child.stdout).on('line', (line) => {
    const message = JSON.parse(line) as Message
    pendingRequests.get(message.id ?? 0)?.(message)
  })
  const send = (message: object): void => void child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  let lastId = 0
  const sendRequest = async (method: string, params: object): Promise<Message> => {
    const id = (lastId += 1)
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: timeout`)), TIMEOUT_MS)
      pendingRequests.set(id, (message) => {
        clearTimeout(timer)
        resolve(message)
      })
      send({ id, method, params })
    })
  }
  await sendRequest('initialize', { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'smoke', version: '1' } })
  send({ method: 'notifications/initialized' })
  return {
    tools: async () => ((await sendRequest('tools/list', {})).result?.tools ?? []).map(({ name }) => name),
    async callTool(name, toolArguments) {
      const { result, error } = await sendRequest('tools/call', { name, arguments: toolArguments })
      return error === undefined ? parseJson((result?.content ?? []).map(({ text }) => text).join('')) : { error }
    },
    async stop() {
      child.stdin.end()
      child.kill()
      await exited
    },
  }
}
