// Sends the spans of this process to a collector, with the packages of OpenTelemetry. They are optional, so nothing of them is imported
// where no traces are wanted: a static import would cost every start, and end one where they are not installed.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context, Span as OtelSpan } from '@opentelemetry/api'
import type { Sampler, SpanExporter } from '@opentelemetry/sdk-trace-node'
import type { Log } from '../../platform/kernel/log.ts'
import { settlesWithin } from '../../platform/kernel/timeout.ts'
import { useTracer } from '../../platform/kernel/trace.ts'
import type { Span, Tracer } from '../../platform/kernel/trace.ts'
import type { TraceSettings } from './settings.ts'

/** At a shutdown the last spans may take this long. A collector that is away must not hold it up. */
const FLUSH_MS = 1000

async function loadPackages() {
  const [api, sdk, exporter, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  return { api, sdk, exporter, resources }
}
type Packages = Awaited<ReturnType<typeof loadPackages>>

/** The collection of traces of this process. */
export interface Traces {
  /** Sends what is left, for a second at most, and collects no more. */
  stop(): Promise<void>
}

export interface TraceDeps {
  readonly version: string
  readonly log: Log
  /** Loads the packages; the installed ones unless given, for tests. */
  readonly load?: () => Promise<Packages>
}

/**
 * Begins to collect traces.
 * @returns null where the packages are not installed, which the log says: a server without traces still serves
 */
export async function openTraces(settings: TraceSettings, { version, log, load = loadPackages }: TraceDeps): Promise<Traces | null> {
  let packages: Packages
  try {
    packages = await load()
  } catch (error) {
    log.warn({ err: error }, 'traces are not collected: install the optional packages @opentelemetry/* (npm ci without --omit=optional)')
    return null
  }
  const { sdk, exporter, resources } = packages
  const resource = resources.resourceFromAttributes({
    'service.version': version,
    ...settings.attributes,
    'service.name': settings.serviceName,
  })
  const inner = new exporter.OTLPTraceExporter({ url: settings.url, headers: { ...settings.headers } })
  const provider = new sdk.NodeTracerProvider({
    resource: resources.defaultResource().merge(resource),
    sampler: samplerOf(packages, settings),
    spanProcessors: [new sdk.BatchSpanProcessor(saysOnce(inner, log))],
  })
  // Not registered with the API: libraries that would trace by themselves stay silent.
  useTracer(tracerOf(packages, provider.getTracer('paperclip-server', version)))
  // The path of an address may be a secret of the collector.
  log.info({ collector: new URL(settings.url).host, sampler: settings.sampler }, 'traces are collected')
  return {
    async stop() {
      useTracer(null)
      await settlesWithin(provider.shutdown(), FLUSH_MS)
    },
  }
}

function samplerOf({ sdk }: Packages, { sampler, ratio }: TraceSettings): Sampler {
  const { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler, TraceIdRatioBasedSampler } = sdk
  const name = sampler.replace('parentbased_', '')
  const root =
    name === 'always_on' ? new AlwaysOnSampler() : name === 'always_off' ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio)
  return name === sampler ? root : new ParentBasedSampler({ root })
}

const SUCCESS = 0

/** An exporter that says once when its collector is away, and once when it is back. The spans of the time between are lost. */
function saysOnce(exporter: SpanExporter, log: Log): SpanExporter {
  let isAway = false
  return {
    export(spans, done) {
      exporter.export(spans, ({ code, error }) => {
        const failed = code !== SUCCESS
        if (failed && !isAway) log.warn({ err: error }, 'traces cannot be sent to the collector; they are dropped until it answers')
        if (!failed && isAway) log.info('traces are sent to the collector again')
        isAway = failed
        // The processor would report a failure once more, by ways of its own.
        done({ code: SUCCESS })
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  }
}

function tracerOf({ api }: Packages, tracer: ReturnType<Packages['api']['trace']['getTracer']>): Tracer {
  const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = api
  const present = new AsyncLocalStorage<OtelSpan | undefined>()
  const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const

  const contextOf = (parent: string | null | undefined): Context => {
    if (typeof parent === 'string') {
      const [, traceId = '', spanId = '', flags = ''] = parent.split('-')
      return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true })
    }
    const within = parent === null ? undefined : present.getStore()
    return within === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, within)
  }

  const spanFrom = (span: OtelSpan): Span => {
    const { traceId, spanId, traceFlags } = span.spanContext()
    return {
      traceId,
      traceParent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
      note: (facts) => void span.setAttributes(facts),
      rename: (name) => void span.updateName(name),
      end(errorType) {
        if (errorType !== undefined) span.setAttribute('error.type', errorType).setStatus({ code: SpanStatusCode.ERROR })
        span.end()
      },
      within: (work) => present.run(span, work),
    }
  }

  return {
    isWithinSpan: () => present.getStore() !== undefined,
    outside: (work) => present.run(undefined, work),
    begin({ name, kind, facts, parent, beganAt }) {
      const options = { kind: kinds[kind], attributes: facts, ...(beganAt === undefined ? {} : { startTime: beganAt }) }
      return spanFrom(tracer.startSpan(name, options, contextOf(parent)))
    },
  }
}
