import { describe, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import type { Config } from './config.ts'

const SECRET = 'GkfVm3Yp0sLx9QdT7wZaRb2HcJ8uNe5i'
const OTHER = 'Xq4tPz6LmW1vBn8KdR3yHs7JfGc0TaEu'

const configOf = (env: Record<string, string>): Config => {
  const read = readConfig(env)
  if ('problems' in read) throw new Error(read.problems.join('\n'))
  return read.config
}

const problemsOf = (env: Record<string, string>): readonly string[] => {
  const read = readConfig(env)
  return 'problems' in read ? read.problems : []
}

describe('how a server is deployed', () => {
  test('Without settings people do not sign in, and the server listens on loopback', () => {
    expect(configOf({})).toMatchObject({
      host: '127.0.0.1',
      deployment: { mode: 'local_trusted', exposure: 'private', publicUrl: null, allowsSignUp: true, secrets: null, trustedProxies: [] },
    })
  })

  test.each([
    [{ PAPERCLIP_BIND: 'loopback' }, '127.0.0.1'],
    [{ PAPERCLIP_BIND: 'loopback', HOST: '::1' }, '::1'],
    [{ PAPERCLIP_BIND: 'lan' }, '0.0.0.0'],
    [{ PAPERCLIP_BIND: 'lan', HOST: '::' }, '::'],
    [{ PAPERCLIP_BIND: 'custom', HOST: '10.1.2.3' }, '10.1.2.3'],
    [{ HOST: '10.1.2.3' }, '10.1.2.3'],
  ])('The settings %j listen on %s', (env, host) => {
    expect(configOf(env as Record<string, string>).host).toBe(host)
  })

  test.each([
    [{ PAPERCLIP_BIND: 'custom' }, 'PAPERCLIP_BIND: custom needs HOST'],
    [{ PAPERCLIP_BIND: 'loopback', HOST: '0.0.0.0' }, 'PAPERCLIP_BIND: loopback contradicts HOST'],
    [{ PAPERCLIP_BIND: 'lan', HOST: '127.0.0.1' }, 'PAPERCLIP_BIND: lan contradicts HOST'],
    [
      { PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public', PAPERCLIP_PUBLIC_URL: 'https://x.example' },
      'needs PAPERCLIP_DEPLOYMENT_MODE=authenticated',
    ],
    [{ PAPERCLIP_DEPLOYMENT_MODE: 'authenticated', PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public' }, 'PAPERCLIP_PUBLIC_URL: must be an https URL'],
    [
      { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated', PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public', PAPERCLIP_PUBLIC_URL: 'http://x.example' },
      'PAPERCLIP_PUBLIC_URL: must be an https URL',
    ],
    [{ PAPERCLIP_DEPLOYMENT_MODE: 'authenticated', PAPERCLIP_BOARD: 'implicit' }, 'PAPERCLIP_BOARD: implicit contradicts'],
    [{ BETTER_AUTH_SECRET: 'short' }, 'must have at least 32 characters'],
    [{ BETTER_AUTH_SECRET: `${SECRET},short` }, 'must have at least 32 characters'],
    [{ BETTER_AUTH_SECRET: 'changeme'.repeat(6) }, 'too easy to guess'],
    [{ PAPERCLIP_TRUSTED_PROXIES: '10.0.0.0/33' }, 'must be addresses or subnets'],
    [{ PAPERCLIP_TRUSTED_PROXIES: 'proxy.example' }, 'must be addresses or subnets'],
    [{ PAPERCLIP_DEPLOYMENT_MODE: 'open' }, 'PAPERCLIP_DEPLOYMENT_MODE'],
    [{ PAPERCLIP_AUTH_DISABLE_SIGN_UP: 'maybe' }, 'PAPERCLIP_AUTH_DISABLE_SIGN_UP'],
  ])('The settings %j end the start, and the sentence says why', (env, problem) => {
    const problems = problemsOf(env as Record<string, string>)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(problem)
  })

  test('Every setting of a server on a network is read, and its public address is one of its names', () => {
    expect(
      configOf({
        PAPERCLIP_DEPLOYMENT_MODE: 'authenticated',
        PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public',
        PAPERCLIP_BIND: 'lan',
        PAPERCLIP_PUBLIC_URL: 'https://Clips.Example/',
        PAPERCLIP_ALLOWED_HOSTNAMES: 'other.example',
        PAPERCLIP_TRUSTED_PROXIES: '10.0.0.0/8, 2001:db8::1',
        PAPERCLIP_AUTH_DISABLE_SIGN_UP: 'true',
        BETTER_AUTH_SECRET: `${SECRET}, ${OTHER}`,
      }),
    ).toMatchObject({
      host: '0.0.0.0',
      allowedHostnames: ['other.example', 'clips.example'],
      deployment: {
        mode: 'authenticated',
        exposure: 'public',
        publicUrl: 'https://Clips.Example',
        allowsSignUp: false,
        secrets: [SECRET, OTHER],
        trustedProxies: ['10.0.0.0/8', '2001:db8::1'],
      },
    })
  })
})
