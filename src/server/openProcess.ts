import { isatty } from 'node:tty'
import v8 from 'node:v8'
import { createProcessLifecycle } from './processLifecycle.ts'
import type { ProcessLifecycle } from './processLifecycle.ts'

/**
 * V8 allocates what often outlived a collection at one place of the code in the old generation from then on. Objects that requests leave there refer to the next
 * requests, so that a collection of the young generation kept up to a third of everything: a fifth of the processor time of a request.
 */
const KEEP_REQUESTS_YOUNG = '--no-allocation-site-pretenuring'

/** Makes this process the one of a server: before the program is loaded, so that an early Ctrl-C still cleans up. */
export function openProcess(): ProcessLifecycle {
  v8.setFlagsFromString(KEEP_REQUESTS_YOUNG)
  const lifecycle = createProcessLifecycle((code) => process.exit(code))
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, lifecycle.handleSignal)
  // A terminal that closes sends SIGHUP to what a person started in it, and the person is gone. A service has no terminal: there a program that
  // rotates logs, or an operator, sends it.
  const isOnTerminal = [0, 1, 2].some((fd) => isatty(fd))
  process.on('SIGHUP', isOnTerminal ? lifecycle.handleSignal : lifecycle.handleReload)
  // Without a listener Node opens its debugger on loopback, where every account of the machine, also an agent's, runs code as this process.
  process.on('SIGUSR1', lifecycle.refuseDebugger)
  process.on('uncaughtException', lifecycle.crash)
  process.on('unhandledRejection', lifecycle.crash)
  return lifecycle
}
