export { goalDeleted } from './events.ts'
export type { GoalRow } from './queries.ts'
export { goalView } from './views.ts'
export { deleteGoalRow, lockGoalForDelete } from './write.ts'
