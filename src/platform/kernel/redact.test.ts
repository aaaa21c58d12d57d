import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { onThisMachine } from '../../dev/testing/slowness.ts'
import { containsRedacted, redact, REDACTED } from './redact.ts'

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'

describe('redact', () => {
  test.each([
    ['token', 'abc'],
    ['accessToken', 'abc'],
    ['client_secret', 'abc'],
    ['password', 'abc'],
    ['PASSWORD', 12_345],
    ['apiKey', 'abc'],
    ['OPENAI_API_KEY', 'abc'],
    ['x-api-key', 'abc'],
    ['Authorization', 'Basic abc'],
    ['privateKey', 'abc'],
    ['cookie', 'a=b'],
    ['credentials', 'abc'],
  ])('The value under %s is redacted', (key, value) => {
    expect(redact({ outer: [{ [key]: value }] })).toEqual({ outer: [{ [key]: REDACTED }] })
  })

  test('Every value below a secret name is redacted', () => {
    expect(redact({ credentials: { user: 'ann', parts: ['a', 'b'] } })).toEqual({
      credentials: { user: REDACTED, parts: [REDACTED, REDACTED] },
    })
  })

  test('Every value of an environment is redacted, and its names and references to stored secrets are kept', () => {
    const secret = { type: 'secret_ref', secretId: '7d4b9f0e-4f55-4b0a-9a57-6c1b8a9d3c11', version: 'latest' }
    expect(redact({ env: { PATH: '/bin', HOME: { type: 'plain', value: '/root' }, KEY: secret, EMPTY: '' } })).toEqual({
      env: { PATH: REDACTED, HOME: { type: 'plain', value: REDACTED }, KEY: secret, EMPTY: '' },
    })
  })

  test('A plain value is redacted at any position', () => {
    expect(redact([{ type: 'plain', value: 'x' }])).toEqual([{ type: 'plain', value: REDACTED }])
  })

  test.each([
    [`key pcp_${'a'.repeat(48)}.`, `key ${REDACTED}.`],
    [`pcp_board_${'a'.repeat(48)}`, REDACTED],
    [`see ${jwt} here`, `see ${REDACTED} here`],
    ['curl -H "authorization: bearer abcdefghijklmnop"', `curl -H "authorization: bearer ${REDACTED}"`],
    ['postgres://ann:hunter2@db/x', `postgres://ann:${REDACTED}@db/x`],
    ['run --api-key=hunter2 --fast', `run --api-key=${REDACTED} --fast`],
    ['GH_TOKEN=hunter2 run', `GH_TOKEN=${REDACTED} run`],
    ['sk-abcdefghijklmnopqrst', REDACTED],
    ['-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----', REDACTED],
    ['a -----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY----- b -----BEGIN PRIVATE KEY-----\nMIIE', `a ${REDACTED} b ${REDACTED}`],
    [`AIza${'Sy-_0'.repeat(7)}`, REDACTED],
    [`hf_${'aB3'.repeat(11)}`, REDACTED],
    [`npm_${'aB3'.repeat(12)}`, REDACTED],
    [`stripe sk_live_${'a1'.repeat(12)} rk_test_${'a1'.repeat(12)}`, `stripe ${REDACTED} ${REDACTED}`],
    [`dop_v1_${'0a'.repeat(32)}`, REDACTED],
    ['xapp-1-A0123-456-abcdef, xoxe.xoxp-1-abcdefghij', `${REDACTED}, xoxe.${REDACTED}`],
    [`github_pat_11ABC_${'a'.repeat(50)}`, REDACTED],
    ['post to https://hooks.slack.com/services/T0/B0/abcdef now', `post to https://hooks.slack.com/services/${REDACTED} now`],
    ['https://discord.com/api/webhooks/123/abc-DEF', `https://discord.com/api/webhooks/123/${REDACTED}`],
    ['curl -u ann:hunter2 https://a.example', `curl -u ann:${REDACTED} https://a.example`],
    ["curl --user='ann:hunter2'", `curl --user='ann:${REDACTED}'`],
    ['https://ann:hunter2@a.example/b', `https://ann:${REDACTED}@a.example/b`],
    ['https://a.blob.example/b?sv=2024&sig=aB%2Bc%3D&se=1', `https://a.blob.example/b?sv=2024&sig=${REDACTED}&se=1`],
    ['https://a.example/?X-Amz-Date=1&X-Amz-Signature=0af1', `https://a.example/?X-Amz-Date=1&X-Amz-Signature=${REDACTED}`],
    ['AccountName=a;AccountKey=abc==', `AccountName=a;AccountKey=${REDACTED}`],
  ])('The credential in %j is redacted', (text, redacted) => {
    expect(redact({ note: text })).toEqual({ note: redacted })
  })

  // The patterns run only in a text with one of the cues. A comma in front of it is neither a cue nor a part of a secret.
  test.each([
    'pcp_abcdefgh',
    jwt,
    'sk-abcdefghijklmnop',
    'rk-abcdefghijklmnop',
    'pk-abcdefghijklmnop',
    'sk_test_abcdefghij',
    'rk_live_abcdefghij',
    'whsec_abcdefghijklmnop',
    'ghp_abcdefghij',
    'gho_abcdefghij',
    'ghs_abcdefghij',
    'ghu_abcdefghij',
    'ghr_abcdefghij',
    'glpat-abcdefghij',
    'github_pat_abcdefghij',
    'xoxb-abcdefghij',
    'xapp-abcdefghij',
    `AKIA${'A'.repeat(16)}`,
    `ASIA${'A'.repeat(16)}`,
    `AIza${'a'.repeat(35)}`,
    `ya29.${'a'.repeat(20)}`,
    `GOCSPX-${'a'.repeat(20)}`,
    `doo_v1_${'a'.repeat(32)}`,
    `dop_v1_${'a'.repeat(32)}`,
    `dor_v1_${'a'.repeat(32)}`,
    `hf_${'a'.repeat(30)}`,
    `npm_${'a'.repeat(30)}`,
    `pypi-${'a'.repeat(40)}`,
    `SG.${'a'.repeat(16)}.${'a'.repeat(16)}`,
    'BEARER abcdefghijkl',
    'x://u:p@h',
    'HOOKS.SLACK.com/services/T0',
    'DiscordApp.com/api/webhooks/1/a',
    'discord.com/api/webhooks/1/a',
    '-u a:b',
    '--user=a:b',
    '?SIG=a',
    '&signature=a',
    '?x-amz-signature=a',
    '&X-Goog-Credential=a',
    '-----BEGIN PRIVATE KEY-----a',
    'a_TOKEN=hunter2',
    'SECRET=hunter2',
    'Password=hunter2',
    'passwd=hunter2',
    'apikey=hunter2',
    'API-KEY=hunter2',
    'api_key=hunter2',
    'AccountKey=hunter2',
    'AccessKey=hunter2',
  ])('The credential %j is found in a text that has nothing else of one', (credential) => {
    for (const text of [credential, `a, ${credential}`, `${'a, '.repeat(2000)}${credential}`])
      expect(containsRedacted(redact([text])), text).toBe(true)
  })

  test('The argument behind a secret flag is redacted', () => {
    expect(redact({ args: ['--token', 'hunter2', '--verbose', 'yes'] })).toEqual({ args: ['--token', REDACTED, '--verbose', 'yes'] })
  })

  test('The password behind -u in a list of arguments is redacted, and the user is kept', () => {
    expect(redact({ args: ['-u', 'ann:hunter2', '--user', '1000:1000'] })).toEqual({
      args: ['-u', `ann:${REDACTED}`, '--user', '1000:1000'],
    })
  })

  test.each([
    'docker run -u 1000:1000 image',
    'sort -u file',
    'git -u origin main',
    'npm_config_cache and npm_lifecycle_event',
    'hf_hub_download',
    'sk_live_ is the prefix of a key of Stripe',
    'AIza is the prefix of a key of Google',
    'https://a.example/?design=1&assignment=2&significant=3',
    'https://hooks.slack.com is where hooks are',
    'a mask-abcdefghijklmnopqrstuv and a task_live_abcdefghijkl',
    'A PEM file begins with -----BEGIN CERTIFICATE-----',
    '3f2504e0-4f89-11d3-9a0c-0305e82c3301 d0be2dc421be4fcd0172e5afceea3970e2f3d940',
    'SG.1 and xox- and dop_v1_',
  ])('The text %j has no secret and is kept', (text) => {
    expect(redact({ note: text })).toEqual({ note: text })
  })

  test('Counts, ids, flags and prose are kept', () => {
    const harmless = {
      maxTokens: 4096,
      inputTokens: 12,
      secretId: 'x',
      tokenBudget: 7,
      hasPassword: true,
      password: null,
      plan: 'The token economy: a secret of success',
      list: [1, null, true],
    }
    expect(redact(harmless)).toEqual(harmless)
  })

  test.each([
    ['tokenLimit', 'high'],
    ['maxOutputTokens', '4096'],
    ['contextTokens', '200_000'],
    ['tokens', '8k'],
    ['TOKENS_PER_MINUTE', 'unlimited'],
    ['secretary', 'Ann'],
    ['passwordPolicy', 'at least 12 characters'],
    ['secretStore', 'vault'],
    ['tokenizer', 'cl100k_base'],
    ['stopToken', '</s>'],
    ['cookieConsent', 'asked'],
    ['authority', 'https://login.example'],
    ['bypass', 'nothing'],
    ['tokenUrl', 'https://login.example/token'],
    ['secretId', '7d4b9f0e-4f55-4b0a-9a57-6c1b8a9d3c11'],
    ['webhookUrlTemplate', 'none'],
    ['apiKeyRotation', { days: 30, by: 'Ann' }],
  ])('The setting %s only looks like a secret by its name and is kept (K20)', (name, value) => {
    expect(redact({ settings: { [name]: value } })).toEqual({ settings: { [name]: value } })
  })

  test('A flag of the command and an assignment in a text have the same names of secrets (K20)', () => {
    const args = [
      '--max-tokens',
      '4096',
      '--password-policy',
      'strict',
      '--token-limit=5',
      'secretary=Ann',
      '--password-policy=a;token=hunter2',
    ]
    expect(redact({ args })).toEqual({ args: [...args.slice(0, -1), `--password-policy=a;token=${REDACTED}`] })
  })

  test.each([
    ['clientSecretProd', 'hunter2'],
    ['API_KEY_2', 'hunter2'],
    ['passwordHash', 'hunter2'],
    ['authHeader', 'Basic abc'],
    ['db_pass', 'hunter2'],
    ['secretAccessKey', 'hunter2'],
    ['apiKeys', ['hunter2']],
    ['mintToken', 'hunter2'],
    ['inputMethodSecret', 'hunter2'],
    ['tokenForTheBuild', 'a8F3k2Lq9ZxW71bT'],
  ])('The setting %s is a secret by its name or by its value and is redacted (K20)', (name, value) => {
    expect(JSON.stringify(redact({ [name]: value }))).not.toContain(String(value))
  })

  test('A number is redacted only as a password, and a boolean never, whatever the name (K20)', () => {
    const part = fc.constantFrom('token', 'Secret', 'PASSWORD', 'apiKey', 'limit', 'auth', 'credentials', 'Max', 'policy', '_', '-')
    const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(name, fc.oneof(fc.double({ noNaN: true }), fc.boolean()), (key, value) => {
        const isPassword = typeof value === 'number' && /password$/i.test(key)
        expect(redact({ [key]: value, below: { [key]: value } })).toEqual(
          isPassword ? { [key]: REDACTED, below: { [key]: REDACTED } } : { [key]: value, below: { [key]: value } },
        )
      }),
    )
  })

  test('Below a secret name texts are redacted, and numbers and booleans are kept (K20)', () => {
    expect(redact({ credentials: { user: 'ann', port: 5432, tls: true, password: 1234, list: [1, 'a'] } })).toEqual({
      credentials: { user: REDACTED, port: 5432, tls: true, password: REDACTED, list: [1, REDACTED] },
    })
  })

  test('The input is not changed, and a long text costs linear time', () => {
    const input = { env: { A: 'x' } }
    redact(input)
    expect(input).toEqual({ env: { A: 'x' } })
    const startedAt = performance.now()
    for (const part of [
      'eyJ-',
      'pcp_',
      'token',
      '--api-key',
      '://a:',
      'bearer ',
      '-----BEGIN PRIVATE KEY-----',
      '-----END ',
      'a',
      '-',
      '-u a:',
      ' -u ',
      '?sig=',
      '&sig',
      'AIza',
      'SG.aaaaaaaaaaaaaaaa',
      'xapp-',
      'sk_live_',
      'hooks.slack.com/services/',
      '1:',
      'token-limit=',
    ])
      redact(part.repeat(Math.ceil(200_000 / part.length)))
    expect(performance.now() - startedAt).toBeLessThan(onThisMachine(5000))
  })
})

describe('containsRedacted', () => {
  test('The replacement of a secret is found at any depth', () => {
    expect(containsRedacted({ a: [{ b: `x${REDACTED}` }] })).toBe(true)
    expect(containsRedacted({ a: [{ b: 'x' }], c: null })).toBe(false)
  })
})
