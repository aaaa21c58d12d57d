import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readConfig } from './config.ts'

const network = { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated' }
const provider = { ...network, PAPERCLIP_OIDC_ISSUER: 'https://id.example.com/realms/team', PAPERCLIP_OIDC_CLIENT_ID: 'paperclip' }

const oidcIn = (env: Record<string, string>) => {
  const read = readConfig(env)
  return 'problems' in read ? read.problems : read.config.deployment.oidc
}

describe('the settings of an OpenID provider', () => {
  test('Without them people sign in with a password only', () => {
    expect(oidcIn(network)).toBeNull()
    expect(oidcIn({ ...network, PAPERCLIP_OIDC_ISSUER: '', PAPERCLIP_OIDC_ALLOWED_DOMAINS: '' })).toBeNull()
  })

  test('They are read, the secret from a file as well, and domains in lower case', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-oidc-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = path.join(folder, 'secret')
    writeFileSync(file, 'given by the provider\n')
    const issuer = 'https://id.example.com/realms/team'
    expect(oidcIn(provider)).toEqual({ issuer, clientId: 'paperclip', clientSecret: null, allowedDomains: null })
    expect(
      oidcIn({ ...provider, PAPERCLIP_OIDC_CLIENT_SECRET_FILE: file, PAPERCLIP_OIDC_ALLOWED_DOMAINS: 'Example.COM, team.example.org,' }),
    ).toEqual({ issuer, clientId: 'paperclip', clientSecret: 'given by the provider', allowedDomains: ['example.com', 'team.example.org'] })
    for (const local of ['http://127.0.0.1:8080', 'http://localhost', 'http://[::1]:9000/x'])
      expect(oidcIn({ ...provider, PAPERCLIP_OIDC_ISSUER: local })).toMatchObject({ issuer: local })
  })

  test.each([
    [{ ...network, PAPERCLIP_OIDC_ISSUER: 'https://id.example.com' }, 'PAPERCLIP_OIDC_ISSUER: needs PAPERCLIP_OIDC_CLIENT_ID'],
    [{ ...network, PAPERCLIP_OIDC_CLIENT_ID: 'x' }, 'PAPERCLIP_OIDC_CLIENT_ID: needs PAPERCLIP_OIDC_ISSUER'],
    [{ ...network, PAPERCLIP_OIDC_CLIENT_SECRET: 'x' }, 'PAPERCLIP_OIDC_CLIENT_SECRET: needs PAPERCLIP_OIDC_ISSUER'],
    [{ ...network, PAPERCLIP_OIDC_ALLOWED_DOMAINS: 'example.com' }, 'PAPERCLIP_OIDC_ALLOWED_DOMAINS: needs PAPERCLIP_OIDC_ISSUER'],
    [{ ...provider, PAPERCLIP_DEPLOYMENT_MODE: 'local_trusted' }, 'PAPERCLIP_OIDC_ISSUER: needs PAPERCLIP_DEPLOYMENT_MODE=authenticated'],
    [{ ...provider, PAPERCLIP_OIDC_ISSUER: 'http://id.example.com' }, 'must be the https URL of a provider'],
    [{ ...provider, PAPERCLIP_OIDC_ISSUER: 'http://127.0.0.1.evil.example' }, 'must be the https URL of a provider'],
    [{ ...provider, PAPERCLIP_OIDC_ISSUER: 'https://user:password@id.example.com' }, 'must be the https URL of a provider'],
    [{ ...provider, PAPERCLIP_OIDC_ISSUER: 'https://id.example.com?tenant=1' }, 'must be the https URL of a provider'],
    [{ ...provider, PAPERCLIP_OIDC_ISSUER: 'id.example.com' }, 'must be the https URL of a provider'],
    [{ ...provider, PAPERCLIP_OIDC_ALLOWED_DOMAINS: ',' }, 'PAPERCLIP_OIDC_ALLOWED_DOMAINS: must name a domain'],
    [{ ...provider, PAPERCLIP_OIDC_ALLOWED_DOMAINS: '@example.com' }, 'must be domains such as example.com'],
    [{ ...provider, PAPERCLIP_OIDC_ALLOWED_DOMAINS: '*.example.com' }, 'must be domains such as example.com'],
  ])('The settings %j end the start with one sentence', (env, problem) => {
    const problems = oidcIn(env as Record<string, string>)
    expect(problems).toEqual([expect.stringContaining(problem) as string])
  })
})
