export { labelDeleted } from './events.ts'
export type { LabelRow } from './queries.ts'
export { labelView } from './views.ts'
export { eraseLabel, lockLabelForErase } from './write.ts'
