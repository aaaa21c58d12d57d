import { settingNames, settingSchemas } from '../../server/configSchema.ts'
import type { SettingSchema } from '../../server/configSchema.ts'
import { secretVariables } from '../../server/secretVariables.ts'
import { settingTexts } from '../../server/settingTexts.ts'
import type { SettingName } from '../../server/settingTexts.ts'

const head = `# Configuration

Written by \`npm run docs\` from \`src/server/config.ts\` and \`src/server/settingTexts.ts\`.

A setting stands in the environment, or in the file \`config.json\` of the home (\`PAPERCLIP_HOME\`). The environment goes before the file, and an option of
\`paperclip-server start\` before both. All settings are optional.

\`\`\`json
{
  "$schema": "http://127.0.0.1:3100/api/config.schema.json",
  "PORT": 3200,
  "PAPERCLIP_MAX_RUNS": 8,
  "PAPERCLIP_ALLOWED_HOSTNAMES": ["paperclip.internal"],
  "PAPERCLIP_METRICS_TOKEN_FILE": "/run/secrets/metrics"
}
\`\`\`

- The names are those of the variables. Numbers, \`true\` and \`false\`, and lists stand in the file as JSON has them, or as the text that the environment would have, where a list is separated by commas.
- The file belongs to the account of the server or to root, and no other account may write it: who writes it decides what the server does.
- A secret stands in the file only where no other account may read it (\`chmod 600\`). Better, \`NAME_FILE\` names a file with the value, in the environment and in \`config.json\`; the kernel keeps the environment of a process readable for its account.
  A secret that the environment gives in one form replaces both forms of the file.
- A wrong value ends the start with a list of every problem, and so does a name that does not exist, with the nearest one that does: in the file every name, in the environment those that begin with \`PAPERCLIP_\`, but not those of agents, clients and orchestrators.
- An empty text counts as not set, except for \`PAPERCLIP_ADAPTERS\`.
- The file is read at the start. A change needs a restart.

\`paperclip-server config show\` shows each setting and where its value comes from, with secrets covered. \`paperclip-server config check\` checks them without a start, and \`config schema\` prints the JSON Schema, which
a running server also has at \`/api/config.schema.json\` and the package at \`paperclip-server/config.schema.json\`.

## Settings

| setting | in the file | default | meaning |
| --- | --- | --- | --- |
`

function typeOf({ type, enum: values, minimum, maximum }: SettingSchema): string {
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(' ')
  if (type === 'integer') return `number, ${String(minimum)} to ${String(maximum)}`
  if (type === 'boolean') return '`true` `false`'
  return type === 'array' ? 'list of texts' : 'text'
}

function defaultOf(name: SettingName, { default: value }: SettingSchema): string {
  const { unset } = settingTexts[name]
  if (unset !== undefined) return unset
  return value === undefined || value === '' ? 'none' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

/** doc/CONFIGURATION.md. */
export function renderConfiguration(): string {
  const schemas = settingSchemas()
  const secrets: readonly string[] = secretVariables
  const rows = settingNames.map((name) => {
    const type = name === 'PAPERCLIP_HOME' ? 'no' : typeOf(schemas[name])
    const secret = secrets.includes(name) ? ' A secret: may be given as `_FILE`' : ''
    const { text } = settingTexts[name]
    const end = secret === '' || /[.!?]$/.test(text) ? '' : '.'
    return `| \`${name}\` | ${type} | ${defaultOf(name, schemas[name])} | ${text}${end}${secret} |`
  })
  return `${head}${rows.join('\n')}\n`
}
