/** What stands where a secret was. It is also how one is recognised when it comes back in. */
export const REDACTED = '***REDACTED***'

/** Names of fields whose value is a secret, once hyphens and underscores are gone: `apiKey`, `API_KEY`, `x-api-key`. */
const secretName =
  /token|secret|passw|pwd$|passphrase|apikey|accesskey|privatekey|signingkey|encryptionkey|authorization|^auth$|credential|cookie|bearer|jwt|webhookurl|connectionstring|databaseurl/
/** Names that contain such a word and say which or how many, not what. */
const harmlessName = /(ids?|count|limit|budget|max|used|expiresat|version)$|^(max|min|total|input|output|cached)/

/** A flag of a command line whose value is the next argument. */
const secretFlag = /^--?[\w-]{0,40}(?:token|secret|passw|api-?_?key|authorization|credential)[\w-]{0,40}$/i

// Every quantifier is bounded or starts at a place that cannot repeat, so that a long text costs linear time.
const secretPatterns: readonly RegExp[] = [
  // This server's own keys, in every form they have.
  /(?<!\w)pcp_\w{8,}/g,
  // Signed tokens: three base64url parts of which the first is a JSON object.
  /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g,
  /(?<![\w-])(?:sk|rk|pk)-[\w-]{16,}/g,
  /(?<!\w)(?:ghp|gho|ghs|ghu|ghr|glpat|xox[abprs]|github_pat)[-_][\w-]{10,}/g,
  /(?<!\w)(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)/g,
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,20000}?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g,
]
/** What is secret behind something that is worth keeping. */
const secretSuffixPatterns: readonly RegExp[] = [
  /((?<![\w-])bearer {1,4})[\w.~+/=-]{12,}/gi,
  /(:\/\/[^\s/@:]{0,100}:)[^\s/@]{1,200}(?=@)/g,
  /((?<![\w-])[\w-]{0,40}(?:token|secret|passw|api[-_]?key)[\w-]{0,40}=)[^\s&]{1,500}/gi,
]

function redactText(text: string): string {
  const redacted = secretPatterns.reduce((current, pattern) => current.replace(pattern, REDACTED), text)
  return secretSuffixPatterns.reduce((current, pattern) => current.replace(pattern, `$1${REDACTED}`), redacted)
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A reference names a stored secret and is none itself. */
const isReference = (value: unknown): boolean => isRecord(value) && value['type'] === 'secret_ref'

function isSecretName(key: string): boolean {
  const normalized = key.replaceAll(/[-_. ]/g, '').toLowerCase()
  return secretName.test(normalized) && !harmlessName.test(normalized)
}

/** Everything below a secret name or in an environment goes, whatever its form; empty values tell nothing and stay. */
function redactAll(value: unknown): unknown {
  if (value === null || value === undefined || value === '' || typeof value === 'boolean' || isReference(value)) return value
  if (isRecord(value) && value['type'] === 'plain' && 'value' in value) return { ...value, value: redactAll(value['value']) }
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactAll(item)]))
  return Array.isArray(value) ? value.map(redactAll) : REDACTED
}

function redactField(key: string, value: unknown): unknown {
  // What an environment holds is told by nothing but its author; its names are worth seeing, its values are not.
  if (key.toLowerCase() === 'env' && isRecord(value)) return redactAll(value)
  return isSecretName(key) ? redactAll(value) : redact(value)
}

function redactList(items: readonly unknown[]): unknown[] {
  return items.map((item, index) => {
    const before = items[index - 1]
    const isValueOfFlag = typeof item === 'string' && typeof before === 'string' && secretFlag.test(before)
    return isValueOfFlag ? REDACTED : redact(item)
  })
}

/**
 * A copy of a JSON value in which whatever looks like a secret is replaced (I17): values under names like `token`,
 * `password` or `apiKey`, values of an `env` map, arguments behind a secret flag, and texts that carry a key of this
 * server, a signed token or another well-known form of credential. References to stored secrets stay.
 */
export function redact<T>(value: T): T
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value)
  if (Array.isArray(value)) return redactList(value)
  if (!isRecord(value)) return value
  if (isReference(value)) return value
  if (value['type'] === 'plain' && 'value' in value) return redactAll(value)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactField(key, item)]))
}

/** True when a value came from what was served redacted, so that writing it would replace a secret by its cover. */
export function containsRedacted(value: unknown): boolean {
  if (typeof value === 'string') return value.includes(REDACTED)
  if (Array.isArray(value)) return value.some(containsRedacted)
  return isRecord(value) && Object.values(value).some(containsRedacted)
}
