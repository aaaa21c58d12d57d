/** The text that replaces a secret. It also shows that a value in a request was served redacted. */
export const REDACTED = '***REDACTED***'

/** Names of fields whose value is a secret, without hyphens and underscores: `apiKey`, `API_KEY`, `x-api-key`. */
const secretName =
  /token|secret|passw|pwd$|passphrase|apikey|accesskey|privatekey|signingkey|encryptionkey|authorization|^auth$|credential|cookie|bearer|jwt|webhookurl|connectionstring|databaseurl/
/** Names that contain such a word but hold an id, a count or a time. */
const harmlessName = /(ids?|count|limit|budget|max|used|expiresat|version)$|^(max|min|total|input|output|cached)/

/** A command-line flag whose value is the next argument. */
const secretFlag = /^--?[\w-]{0,40}(?:token|secret|passw|api-?_?key|authorization|credential)[\w-]{0,40}$/i

// Every quantifier is bounded or starts at a position that cannot repeat, so a long text costs linear time.
const secretPatterns: readonly RegExp[] = [
  // The keys of this server, in every form.
  /(?<!\w)pcp_\w{8,}/g,
  // Signed tokens: three base64url parts of which the first is a JSON object.
  /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g,
  /(?<![\w-])(?:sk|rk|pk)-[\w-]{16,}/g,
  /(?<!\w)(?:ghp|gho|ghs|ghu|ghr|glpat|xox[abprs]|github_pat)[-_][\w-]{10,}/g,
  /(?<!\w)(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)/g,
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,20000}?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g,
]
/** Secrets that follow a prefix which is kept. */
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

/** Whether a value is a reference to a stored secret, which is not secret itself. */
const isReference = (value: unknown): boolean => isRecord(value) && value['type'] === 'secret_ref'

function isSecretName(key: string): boolean {
  const normalized = key.replaceAll(/[-_. ]/g, '').toLowerCase()
  return secretName.test(normalized) && !harmlessName.test(normalized)
}

/** Redacts every value below a secret name or in an environment. Empty values and references are kept. */
function redactAll(value: unknown): unknown {
  if (value === null || value === undefined || value === '' || typeof value === 'boolean' || isReference(value)) return value
  if (isRecord(value) && value['type'] === 'plain' && 'value' in value) return { ...value, value: redactAll(value['value']) }
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactAll(item)]))
  return Array.isArray(value) ? value.map(redactAll) : REDACTED
}

function redactField(key: string, value: unknown): unknown {
  // The names of environment variables are useful to a reader. Any of the values may be secret.
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
 * Copies a JSON value and replaces everything that looks like a secret (I17): values under names like `token`,
 * `password` or `apiKey`, values of an `env` map, arguments behind a secret flag, and texts that contain a key of this
 * server, a signed token or another well-known form of credential. References to stored secrets are kept.
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

/** Whether a value was served redacted, so that writing it would overwrite a secret with its replacement. */
export function containsRedacted(value: unknown): boolean {
  if (typeof value === 'string') return value.includes(REDACTED)
  if (Array.isArray(value)) return value.some(containsRedacted)
  return isRecord(value) && Object.values(value).some(containsRedacted)
}
