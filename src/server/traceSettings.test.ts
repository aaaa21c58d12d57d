import { describe, expect, test } from 'vitest'
import { readConfig } from './config.ts'

const tracesOf = (env: Record<string, string>) => {
  const read = readConfig(env)
  if (!('config' in read)) throw new Error(read.problems.join('\n'))
  return read.config.traces
}
const problemsOf = (env: Record<string, string>): readonly string[] => {
  const read = readConfig(env)
  return 'problems' in read ? read.problems : []
}

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318' }

describe('the variables of OpenTelemetry', () => {
  test('Without an endpoint, or with OTEL_SDK_DISABLED, nothing is collected, and other variables of OpenTelemetry are not looked at', () => {
    expect(tracesOf({})).toBeNull()
    expect(tracesOf({ OTEL_TRACES_SAMPLER: 'jaeger_remote', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toBeNull()
    expect(tracesOf({ ...ENDPOINT, OTEL_SDK_DISABLED: 'true', OTEL_TRACES_SAMPLER: 'jaeger_remote' })).toBeNull()
    expect(tracesOf({ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' })).toBeNull()
  })

  test('An endpoint has the path of traces below it; the endpoint of traces is used as it is', () => {
    expect(tracesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example/base/' })).toEqual({
      url: 'https://collector.example/base/v1/traces',
      headers: {},
      serviceName: 'paperclip-server',
      attributes: {},
      sampler: 'parentbased_always_on',
      ratio: 1,
    })
    expect(tracesOf({ ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces.example/take' })?.url).toBe(
      'http://traces.example/take',
    )
  })

  test('Headers and attributes are pairs with percent-encoded values, and the name of the service goes before an attribute', () => {
    const read = tracesOf({
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc=, x-team = a',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=a%2Cb,service.name=one',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    })
    expect(read).toMatchObject({
      headers: { authorization: 'Bearer abc=', 'x-team': 'a' },
      attributes: { 'deployment.environment.name': 'a,b' },
      serviceName: 'one',
      sampler: 'parentbased_traceidratio',
      ratio: 0.25,
    })
    expect(tracesOf({ ...ENDPOINT, OTEL_SERVICE_NAME: 'two', OTEL_RESOURCE_ATTRIBUTES: 'service.name=one' })?.serviceName).toBe('two')
  })

  test.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT: must be an http(s):// URL'],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'ftp://x' }, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: must be an http(s):// URL'],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL: this server sends http/json only'],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'a-secret-without-a-name' }, 'OTEL_EXPORTER_OTLP_HEADERS: must be name=value'],
    [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'a=b%0Ac' }, 'OTEL_EXPORTER_OTLP_HEADERS: must be name=value'],
    [{ ...ENDPOINT, OTEL_RESOURCE_ATTRIBUTES: 'a=%zz' }, 'OTEL_RESOURCE_ATTRIBUTES: must be name=value'],
    [{ ...ENDPOINT, OTEL_TRACES_SAMPLER: 'jaeger_remote' }, 'OTEL_TRACES_SAMPLER: must be of always_on'],
    [{ ...ENDPOINT, OTEL_TRACES_SAMPLER_ARG: '1.5' }, 'OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1'],
  ])('%j is refused without its value', (env, problem) => {
    expect(problemsOf(env)).toEqual([expect.stringContaining(problem)])
    expect(problemsOf(env).join()).not.toContain('a-secret')
  })
})
