import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

interface WireValue {
  readonly stringValue?: string
  readonly intValue?: number | string
  readonly doubleValue?: number
  readonly boolValue?: boolean
}

interface WireAttribute {
  readonly key: string
  readonly value: WireValue
}

interface WireSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly WireAttribute[]
  readonly status: { readonly code?: number }
}

interface WireBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireAttribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[]
  }[]
}

type Facts = Readonly<Record<string, string | number | boolean | undefined>>

/** A span as a collector got it. */
export interface ReceivedSpan extends Omit<WireSpan, 'attributes'> {
  readonly facts: Facts
}

/** A collector of traces: it takes OTLP over HTTP, as JSON. */
export interface TraceReceiver {
  readonly url: string
  readonly spans: readonly ReceivedSpan[]
  /** The facts about the server that sent the latest spans. */
  readonly resource: () => Facts
  readonly headers: () => IncomingHttpHeaders
  /** The status of the answers from now on; 200 at first. */
  answerWith(status: number): void
  /** How many requests have come. */
  readonly requestCount: () => number
  close(): void
}

const factsOf = (attributes: readonly WireAttribute[]): Facts =>
  Object.fromEntries(
    attributes.map(({ key, value }) => {
      const number = value.intValue ?? value.doubleValue
      return [key, value.stringValue ?? value.boolValue ?? (number === undefined ? undefined : Number(number))]
    }),
  )

export async function startTraceReceiver(): Promise<TraceReceiver> {
  const spans: ReceivedSpan[] = []
  let [resource, headers, status, requests]: [Facts, IncomingHttpHeaders, number, number] = [{}, {}, 200, 0]
  const server = createServer((request, response) => {
    requests += 1
    const receive = (body: unknown): void => {
      if (status === 200 && request.url === '/v1/traces') {
        headers = request.headers
        for (const { resource: sender, scopeSpans } of (body as WireBody).resourceSpans) {
          resource = factsOf(sender.attributes)
          for (const { attributes, ...span } of scopeSpans.flatMap((scope) => scope.spans))
            spans.push({ ...span, facts: factsOf(attributes) })
        }
      }
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    }
    json(request).then(receive, () => request.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    resource: () => resource,
    headers: () => headers,
    answerWith: (next) => void (status = next),
    requestCount: () => requests,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
