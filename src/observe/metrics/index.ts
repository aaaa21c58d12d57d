export { createStatsReader } from './databaseStats.ts'
export { createMetrics } from './metrics.ts'
export type { Metrics } from './metrics.ts'
export { metricsPage } from './page.ts'
