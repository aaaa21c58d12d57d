// The variables of OpenTelemetry that this server follows. Its own names are used, so that an operator needs no second way to set them.

import { z } from 'zod'
import { samplerNames } from '../observe/traces/settings.ts'
import type { SamplerName, TraceSettings } from '../observe/traces/settings.ts'

/** Checked only where traces are wanted: other programs of the machine may share these variables. */
export const traceVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: z.string().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: z.string().optional(),
  OTEL_EXPORTER_OTLP_HEADERS: z.string().optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.string().optional(),
  OTEL_RESOURCE_ATTRIBUTES: z.string().optional(),
  OTEL_SDK_DISABLED: z.string().optional(),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_TRACES_EXPORTER: z.string().optional(),
  OTEL_TRACES_SAMPLER: z.string().optional(),
  OTEL_TRACES_SAMPLER_ARG: z.string().optional(),
}

type Values = { readonly [Name in keyof typeof traceVariables]?: string | undefined }

/** The settings of traces, null where none are wanted; or a line for each problem, without the value, which may be a secret. */
export type TraceSettingsResult = { readonly traces: TraceSettings | null } | { readonly problems: readonly string[] }

/** Both protocols over HTTP have one address. A collector takes JSON where it takes the binary form. */
const protocols = ['http/json', 'http/protobuf']

const isWebUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

/** Reads `name=value,name=value`, with percent-encoded values; null when it is something else. */
function pairsOf(text: string): Record<string, string> | null {
  const parts = text.split(',').filter((part) => part.trim() !== '')
  if (!parts.every((part) => /^\s*[^\s=]+\s*=/.test(part))) return null
  try {
    return Object.fromEntries(
      parts.map((part) => {
        const at = part.indexOf('=')
        return [decodeURIComponent(part.slice(0, at).trim()), decodeURIComponent(part.slice(at + 1).trim())]
      }),
    )
  } catch {
    return null
  }
}

const isHeaderName = (name: string): boolean => /^[\w!#$%&'*+.^`|~-]+$/.test(name)
const isHeaderValue = (value: string): boolean => /^[\t\x20-\x7e]*$/.test(value)

const isSampler = (name: string): name is SamplerName => (samplerNames as readonly string[]).includes(name)

/** The address for traces: the general one has a path for each kind of signal below it. */
const urlOf = ({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own, OTEL_EXPORTER_OTLP_ENDPOINT: general = '' }: Values): string =>
  own ?? `${general.replace(/\/+$/, '')}/v1/traces`

/**
 * Reads the settings of traces.
 * @param values the variables that are set
 */
export function traceSettings(values: Values): TraceSettingsResult {
  const name =
    values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT === undefined ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'
  const isOff = values.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || values.OTEL_TRACES_EXPORTER === 'none'
  if (isOff || values[name] === undefined) return { traces: null }
  const problems: string[] = []
  const url = urlOf(values)
  if (!isWebUrl(url)) problems.push(`${name}: must be an http(s):// URL`)
  if (!protocols.includes(values.OTEL_EXPORTER_OTLP_PROTOCOL ?? 'http/json'))
    problems.push('OTEL_EXPORTER_OTLP_PROTOCOL: this server sends http/json only; name the HTTP port of the collector, which is 4318')
  const headers = pairsOf(values.OTEL_EXPORTER_OTLP_HEADERS ?? '')
  if (headers === null || !Object.entries(headers).every(([key, value]) => isHeaderName(key) && isHeaderValue(value)))
    problems.push('OTEL_EXPORTER_OTLP_HEADERS: must be name=value, separated by commas')
  const attributes = pairsOf(values.OTEL_RESOURCE_ATTRIBUTES ?? '')
  if (attributes === null) problems.push('OTEL_RESOURCE_ATTRIBUTES: must be name=value, separated by commas')
  const sampler = values.OTEL_TRACES_SAMPLER ?? 'parentbased_always_on'
  if (!isSampler(sampler)) problems.push(`OTEL_TRACES_SAMPLER: must be of ${samplerNames.join(' ')}`)
  const ratio = Number(values.OTEL_TRACES_SAMPLER_ARG ?? '1')
  if (!(ratio >= 0 && ratio <= 1)) problems.push('OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1')
  if (problems.length > 0 || headers === null || attributes === null || !isSampler(sampler)) return { problems }
  const serviceName = values.OTEL_SERVICE_NAME ?? attributes['service.name'] ?? 'paperclip-server'
  return { traces: { url, headers, serviceName, attributes, sampler, ratio } }
}
