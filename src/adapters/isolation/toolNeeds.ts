// The files of the operator's home that the tools of local agents need. Data: paths are relative to the home, folders end with a slash.
import type { ToolNeeds } from './isolation.ts'

/** The needs of every tool: it works with git, and reaches the network through the operator's proxy and authorities. */
const everyTool = {
  settings: [
    '.gitconfig',
    '.config/git/config',
    '.config/git/ignore',
    '.config/gh/config.yml',
    '.config/gh/hosts.yml',
    '.ssh/known_hosts',
    '.ssh/config',
  ],
  variables: [
    'SSH_AUTH_SOCK',
    ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
    'NODE_EXTRA_CA_CERTS',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
    'REQUESTS_CA_BUNDLE',
    'CURL_CA_BUNDLE',
    'GIT_SSL_CAINFO',
  ],
}

const needsOf = (signIn: readonly string[], settings: readonly string[]): ToolNeeds => ({
  signIn,
  settings: [...settings, ...everyTool.settings],
  variables: everyTool.variables,
})

/** The files of each tool, as its public documentation names them. */
export const toolNeeds = {
  claude: needsOf(
    ['.claude/.credentials.json'],
    [
      '.claude.json',
      '.claude/settings.json',
      '.claude/settings.local.json',
      '.claude/CLAUDE.md',
      '.claude/agents/',
      '.claude/commands/',
      '.claude/hooks/',
      '.claude/plugins/',
      '.claude/skills/',
    ],
  ),
  codex: needsOf(['.codex/auth.json'], ['.codex/config.toml', '.codex/AGENTS.md', '.codex/prompts/', '.codex/rules/', '.codex/skills/']),
  gemini: needsOf(
    ['.gemini/oauth_creds.json', '.gemini/google_accounts.json'],
    ['.gemini/settings.json', '.gemini/GEMINI.md', '.gemini/commands/', '.gemini/extensions/'],
  ),
  opencode: needsOf(['.local/share/opencode/auth.json'], ['.config/opencode/']),
  cursor: needsOf(['.config/cursor/auth.json'], ['.cursor/cli-config.json', '.cursor/mcp.json', '.cursor/rules/']),
  pi: needsOf(
    ['.pi/agent/auth.json'],
    ['.pi/agent/settings.json', '.pi/agent/models.json', '.pi/agent/AGENTS.md', '.pi/agent/extensions/'],
  ),
  hermes: needsOf(['.hermes/auth.json'], ['.hermes/.env', '.hermes/config.yaml', '.hermes/SOUL.md', '.hermes/skills/']),
} as const satisfies Record<string, ToolNeeds>
