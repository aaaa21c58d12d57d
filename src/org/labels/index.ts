export { labelDeleted } from './events.ts'
export type { LabelRow } from './queries.ts'
export { createLabelBody, labelView } from './views.ts'
export { deleteLabelRow, insertLabels, lockLabelForDelete } from './write.ts'
