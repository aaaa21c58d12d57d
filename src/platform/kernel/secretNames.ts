// Which names of settings say that their value is a secret. A name that only contains such a word is not one: limits in
// tokens, a policy of passwords and a secretary are read by people and belong into exports (`cases.md` K20).

/** A quick look at a name without separators: most names contain none of these. */
const mayBeSecret =
  /token|secret|pass|pwd|apikey|accesskey|accountkey|privatekey|signingkey|encryptionkey|auth|credential|cookie|bearer|jwt|webhookurl|connectionstring|databaseurl/

/** The endings of names of secrets, without separators: `apiKey`, `API_KEY` and `x-api-key` end in the same way. */
const secretEnding =
  /(?:(?:token|secret|password|passwd|pwd|passphrase|passcode|apikey|accesskey|accountkey|privatekey|secretkey|signingkey|encryptionkey|credential|cookie|jwt)s?|authorization|bearer|webhookurl|connectionstring|databaseurl)$/
const secretWhole = /^(?:(?:basic|proxy|http)?auth|(?:db|smtp|ssh|user)?pass)$/

/** Words that stand behind the name of a secret and leave it one: `passwordHash`, `API_KEY_2`, `authHeader`. */
const qualifier =
  /^(?:\d+|value|text|plain|raw|hash|base|b|pem|header|string|prod|production|staging|dev|development|test|live|old|new|previous|current|next|default|primary|secondary|backup)$/

/** Tokens that are counted, or that mark a place in the text of a model. */
const harmless =
  /^(?:(?:max|min|total|input|output|cached)(?:new|input|output|prompt|completion|thinking|reasoning)?tokens?|(?:stop|eos|bos|pad|unk|mask|sep|cls|special|start|end)tokens?)$/
const counting = /^(?:max|min|total|input|output|cached)$/

const secretWord = /^(?:tokens?|secrets?|passwords?|passwd|pwd|passphrase|credentials?|cookies?|jwt|bearer)$/

/** The words of a name in lower case: `maxTokens`, `MAX_TOKENS` and `max-tokens` have the same ones. */
const wordsOf = (name: string): string[] =>
  name
    .replaceAll(/([a-z\d])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3 $2$4')
    .toLowerCase()
    .match(/[a-z]+|\d+/g) ?? []

/** The longest name that is looked at, because a name must not cost time. */
const MAX_NAME_LENGTH = 200

/** `named`: every text below it is a secret. `mentions`: only a text that looks like one is. */
type SecretName = 'named' | 'mentions' | 'no'

function kindOfName(name: string): SecretName {
  const plain = name
    .slice(-MAX_NAME_LENGTH)
    .replaceAll(/[-_. ]/g, '')
    .toLowerCase()
  if (!mayBeSecret.test(plain)) return 'no'
  const words = wordsOf(name.slice(-MAX_NAME_LENGTH))
  const isCounted = counting.test(words[0] ?? '') && /^tokens?$/.test(words.at(-1) ?? '')
  if (isCounted || harmless.test(plain)) return 'no'
  for (let length = words.length; length > 0; length--) {
    const part = words.slice(0, length).join('')
    if (secretEnding.test(part) || secretWhole.test(part)) return 'named'
    if (!qualifier.test(words[length - 1] ?? '')) break
  }
  return words.some((word) => secretWord.test(word)) ? 'mentions' : 'no'
}

/** A number is a count, a limit or a port. Only a password may consist of digits, and YAML reads it as a number. */
const isPasswordName = (name: string): boolean => /(?:password|passwd|pwd|passphrase|passcode)s?$/i.test(name)

const count = /^\d[\d_.,]{0,15} ?[km]?$/i
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Whether a text looks as if chance had made it. */
const isRandom = (text: string): boolean =>
  /^[\w+/=.~-]{16,}$/.test(text) &&
  !uuid.test(text) &&
  /\d/.test(text) &&
  (/^[0-9a-f]+$/i.test(text) || (/[a-z]/.test(text) && /[A-Z]/.test(text)))

/**
 * Whether a value is secret under its name: that of a setting, of a flag of a command, or of an assignment in a text. Objects and
 * lists are when their name is: then everything below them is.
 */
export function isSecretUnder(name: string, value: unknown): boolean {
  if (value === null || value === undefined || typeof value === 'boolean') return false
  if (typeof value === 'number') return isPasswordName(name)
  const kind = kindOfName(name)
  if (kind === 'mentions') return typeof value === 'string' && isRandom(value)
  if (kind === 'no') return false
  const isCount = typeof value === 'string' && /tokens$/i.test(name) && count.test(value)
  return !isCount
}
