/** The request that the arguments of the process make. */
type CommandLine =
  | { readonly kind: 'start' }
  | { readonly kind: 'print'; readonly text: string }
  | { readonly kind: 'refuse'; readonly problem: string }

const helpText = (version: string, variables: readonly string[]): string => `paperclip-server ${version}

Usage: npm start [-- --help | --version]

It takes no other arguments. Environment variables configure it; the README explains each:
${variables.map((name) => `  ${name}\n`).join('')}
Without any it listens on http://127.0.0.1:3100, keeps its data in ~/.paperclip-server and runs its own Postgres.
The API is described at /api/docs of the running server.
`

/**
 * Reads the arguments of the process.
 * @param args without the program itself
 */
export function readCommandLine(args: readonly string[], version: string, variables: readonly string[]): CommandLine {
  const [first] = args
  if (first === undefined) return { kind: 'start' }
  if (first === '--help' || first === '-h') return { kind: 'print', text: helpText(version, variables) }
  if (first === '--version' || first === '-v') return { kind: 'print', text: `${version}\n` }
  return { kind: 'refuse', problem: `${first}: is no argument of this server; --help shows what it takes` }
}
