// A test process that a test can kill: it makes a server, reports what it has, and goes on until it is killed or its input ends.

import { createTestServer } from './index.ts'

const server = await createTestServer()
await server.issue()
process.stdout.write(`${JSON.stringify({ url: server.url })}\n`)
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
