#!/usr/bin/env node
// The command `paperclip-server`: of a checkout, or of an installed package, which has the compiled program and no sources.
import cluster from 'node:cluster'
import { existsSync } from 'node:fs'

if (existsSync(new URL('../main.ts', import.meta.url))) {
  const { runCheckout } = await import('./checkout.js')
  await runCheckout(cluster.isWorker ? 'server' : 'command')
} else {
  process.setSourceMapsEnabled(true)
  await import(new URL(cluster.isWorker ? '../../dist/server.mjs' : '../../dist/cli.mjs', import.meta.url).href)
}
