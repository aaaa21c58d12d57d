import { isSecretUnder } from './secretNames.ts'

/** The text that replaces a secret. It also shows that a value in a request was served redacted. */
export const REDACTED = '***REDACTED***'

// Each pattern begins at a position that cannot lie within its own match, and each quantifier that is followed by something
// is bounded. So a long text costs linear time.
const secretPatterns: readonly RegExp[] = [
  // The keys and tokens of this server, in every form.
  /(?<!\w)pcp_\w{8,}/g,
  // Signed tokens: three base64url parts of which the first is a JSON object.
  /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g,
  // OpenAI, Anthropic, Stripe.
  /(?<![\w-])(?:sk|rk|pk)-[\w-]{16,}/g,
  /(?<!\w)(?:sk|rk)_(?:live|test)_\w{10,}/g,
  /(?<!\w)whsec_[\w+/=-]{16,}/g,
  // GitHub, GitLab, Slack.
  /(?<!\w)(?:ghp|gho|ghs|ghu|ghr|glpat|github_pat)[-_][\w-]{10,}/g,
  /(?<!\w)(?:xox[a-z]|xapp)-[\w.-]{10,}/g,
  // AWS, Google, DigitalOcean, Hugging Face, npm, PyPI, SendGrid.
  /(?<!\w)(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)/g,
  /(?<!\w)AIza[\w-]{35}/g,
  /(?<!\w)(?:ya29\.|GOCSPX-)[\w-]{20,}/g,
  /(?<!\w)do[opr]_v1_[0-9a-f]{32,}/g,
  /(?<!\w)(?:hf|npm)_[A-Za-z0-9]{30,}/g,
  /(?<!\w)pypi-[\w-]{40,}/g,
  /(?<!\w)SG\.[\w-]{16,64}\.[\w-]{16,}/g,
]
/** Secrets that follow a prefix which is kept. */
const secretSuffixPatterns: readonly RegExp[] = [
  /((?<![\w-])bearer {1,4})[\w.~+/=-]{12,}/gi,
  /(:\/\/[^\s/@:]{0,100}:)[^\s/@]{1,200}(?=@)/g,
  // Everybody who knows such an address may post to it.
  /((?<!\w)hooks\.slack\.com\/(?:services|workflows|triggers)\/)[\w/-]+/gi,
  /((?<!\w)discord(?:app)?\.com\/api\/webhooks\/\d{1,25}\/)[\w-]+/gi,
  // The password of curl. Two numbers are the user and the group of a container.
  /((?<![\w-])(?:-u|--user)(?:=| {1,4})["']?(?!\d{1,10}:\d{1,10}(?:["'\s]|$))[^\s:"'=]{1,100}:)[^\s"']+/g,
  // Signed addresses: Azure, AWS, Google.
  /([?&](?:sig|signature|x-(?:amz|goog)-(?:signature|security-token|credential))=)[^\s&"'<>]+/gi,
]

/**
 * Something of this is in every text that a pattern of this file changes. Most texts have none of it, and one search for all
 * replaces the twenty below: 60,000 short values took 250 to 380 ms of processor time without it, and 130 to 200 with it.
 */
const cue =
  /pcp_|eyj|[srp]k[-_]|whsec_|gh[posur][-_]|glpat|github_pat|xox|xapp|akia|asia|aiza|ya29|gocspx|do[opr]_v1|hf_|npm_|pypi-|sg\.|bearer|:\/\/|hooks\.slack|discord|-u|[?&](?:sig|x-)|-----begin|token|secret|passw|api[-_]?key|accountkey|accesskey/i

const keyBegin = /-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----/g
/** The lines of a key without an end, as a log that was cut has them; `\n` may be an escape. */
const keyLines = /[A-Za-z0-9+/=\s\\]*/y

/** Replaces private keys in PEM form. Each place of the text is searched once. */
function redactPrivateKeys(text: string): string {
  let redacted = ''
  let copiedTo = 0
  let hasEnd = true
  for (;;) {
    keyBegin.lastIndex = copiedTo
    const begin = keyBegin.exec(text)
    if (begin === null) return copiedTo === 0 ? text : redacted + text.slice(copiedTo)
    const bodyAt = keyBegin.lastIndex
    const endAt: number = hasEnd ? text.indexOf(KEY_END, bodyAt) : -1
    hasEnd = endAt !== -1
    redacted += text.slice(copiedTo, begin.index) + REDACTED
    copiedTo = hasEnd ? endOfLabel(text, endAt + KEY_END.length) : endOfKeyLines(text, bodyAt)
  }
}

const KEY_END = '-----END '

/** The place behind the label of an end, such as `PRIVATE KEY-----`. */
function endOfLabel(text: string, at: number): number {
  const dashesAt = text.indexOf('-----', at)
  return dashesAt === -1 ? text.length : dashesAt + '-----'.length
}

function endOfKeyLines(text: string, at: number): number {
  keyLines.lastIndex = at
  return at + (keyLines.exec(text)?.[0].length ?? 0)
}

const assignment = /(?<![\w-])([\w-]{0,40}(?:token|secret|passw|api[-_]?key|accountkey|accesskey)[\w-]{0,40})=(?=[^\s&])/gi
const assigned = /[^\s&]{1,500}/y

/** Replaces the text that follows the name of a secret and `=`. The value of another name may contain such a name itself. */
function redactAssignments(text: string): string {
  let redacted = ''
  let copiedTo = 0
  assignment.lastIndex = 0
  for (let match = assignment.exec(text); match !== null; match = assignment.exec(text)) {
    const valueAt = assignment.lastIndex
    assigned.lastIndex = valueAt
    const [value] = assigned.exec(text) ?? []
    if (!isSecretUnder(match[1] ?? '', value)) continue
    redacted += text.slice(copiedTo, valueAt) + REDACTED
    copiedTo = assigned.lastIndex
    assignment.lastIndex = copiedTo
  }
  return copiedTo === 0 ? text : redacted + text.slice(copiedTo)
}

/** The shortest texts that any pattern changes: `-u a:b`, `://:a@`, `?sig=a`. */
const MIN_SECRET_LENGTH = 6

function redactText(text: string): string {
  return text.length >= MIN_SECRET_LENGTH && cue.test(text) ? redactCued(text) : text
}

function redactCued(text: string): string {
  const redacted = secretPatterns.reduce((current, pattern) => current.replace(pattern, REDACTED), redactPrivateKeys(text))
  return redactAssignments(secretSuffixPatterns.reduce((current, pattern) => current.replace(pattern, `$1${REDACTED}`), redacted))
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether a value is a reference to a stored secret, which is not secret itself. */
const isReference = (value: unknown): boolean => isRecord(value) && value['type'] === 'secret_ref'

/**
 * Redacts every value below a secret name or in an environment. Empty values and references are kept, and below a secret
 * name numbers as well.
 */
function redactAll(value: unknown, keepsNumbers = false): unknown {
  if (value === null || value === undefined || value === '' || typeof value === 'boolean' || isReference(value)) return value
  if (typeof value === 'number' && keepsNumbers) return value
  if (Array.isArray(value)) return value.map((item) => redactAll(item, keepsNumbers))
  if (!isRecord(value)) return REDACTED
  if (value['type'] === 'plain' && 'value' in value) return { ...value, value: redactAll(value['value']) }
  const isPassword = (key: string, item: unknown): boolean => typeof item === 'number' && isSecretUnder(key, item)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactAll(item, keepsNumbers && !isPassword(key, item))]))
}

function redactField(key: string, value: unknown): unknown {
  // The names of environment variables are useful to a reader. Any of the values may be secret.
  if (key.toLowerCase() === 'env' && isRecord(value)) return redactAll(value)
  if (!isSecretUnder(key, value)) return redact(value)
  return redactAll(value, typeof value === 'object')
}

/** A flag of a command, whose value may be the next argument. */
const flag = /^--?[\w-]{1,80}$/

/** The user and the password behind `-u` or `--user` of curl; two numbers are the user and the group of a container. */
const userAndPassword = /^(?!\d{1,10}:\d{1,10}$)([^:\s]{1,100}:)./

function redactList(items: readonly unknown[]): unknown[] {
  return items.map((item, index) => {
    const before = items[index - 1]
    const isValueOfFlag = typeof item === 'string' && typeof before === 'string' && flag.test(before) && isSecretUnder(before, item)
    if (isValueOfFlag) return REDACTED
    const user = typeof item === 'string' && (before === '-u' || before === '--user') ? userAndPassword.exec(item)?.[1] : undefined
    return user === undefined ? redact(item) : `${user}${REDACTED}`
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

/**
 * Puts stored values back where a client sends their redacted form at the same place: it read a configuration, changed
 * another part of it and sent the whole back.
 * @returns the value with its secrets; null when a redacted text stands where no stored value has that form
 */
export const restoreRedacted = <T>(sent: T, stored: unknown): { readonly value: T } | null => {
  const value = restore(sent, stored, redact(stored))
  return containsRedacted(value) ? null : { value: value as T }
}

function restore(sent: unknown, stored: unknown, shown: unknown): unknown {
  if (typeof sent === 'string') {
    if (!sent.includes(REDACTED)) return sent
    // A variable that was stored as a tagged value may come back as bare text.
    const isTagged = isRecord(shown) && shown['type'] === 'plain' && shown['value'] === sent
    return sent === shown || isTagged ? stored : sent
  }
  if (Array.isArray(sent)) {
    const [storedItems, shownItems] = [stored, shown].map((list) => (Array.isArray(list) ? (list as unknown[]) : []))
    return sent.map((item, index) => restore(item, storedItems?.[index], shownItems?.[index]))
  }
  if (!isRecord(sent)) return sent
  const [storedFields, shownFields] = [isRecord(stored) ? stored : {}, isRecord(shown) ? shown : {}]
  return Object.fromEntries(Object.entries(sent).map(([key, item]) => [key, restore(item, storedFields[key], shownFields[key])]))
}
