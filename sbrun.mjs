import { pathToFileURL } from 'node:url'
process.on('SIGUSR1', () => {})
const [bundle] = process.argv.splice(2, 1)
process.argv[1] = bundle
if (process.env.SM) process.setSourceMapsEnabled(true)
const program = await import(pathToFileURL(bundle).href)
await program.server()
