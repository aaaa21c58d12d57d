// The metrics of several workers as one page. A scrape reaches one of them, which asks the others.

import { AggregatorRegistry } from 'prom-client'
import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client'
import type { Peers } from '../../platform/kernel/peers.ts'

type Samples = MetricObjectWithValues<MetricValue<string>>[]

const TOPIC = 'metrics'

interface WorkerSamples {
  readonly worker: number
  readonly samples: Samples
}

/** The samples with a label for the worker, so that none is a sum: a counter that falls because a worker ended would look like a burst. */
const labelled = ({ worker, samples }: WorkerSamples): Samples =>
  samples.map((metric) => ({
    ...metric,
    aggregator: 'first' as const,
    values: metric.values.map((value) => ({ ...value, labels: { ...value.labels, worker: String(worker) } })),
  }))

/** Answers the other workers with the samples of this one. */
export function answerMetrics(peers: Peers, read: () => Promise<Samples>): void {
  peers.answer(TOPIC, async (): Promise<WorkerSamples> => ({ worker: peers.number, samples: await read() }))
}

/**
 * Renders the samples of all workers that answer, each with the label `worker`.
 * @param own the registry of this worker
 */
export async function renderWorkers(peers: Peers, own: Registry): Promise<string> {
  const { answers } = await peers.ask(TOPIC)
  const others = answers.filter((answer): answer is WorkerSamples => answer !== null)
  const all = [{ worker: peers.number, samples: (await own.getMetricsAsJSON()) as Samples }, ...others]
  const groups = all.toSorted((one, other) => one.worker - other.worker).map(labelled)
  return await AggregatorRegistry.aggregate(groups).metrics()
}
