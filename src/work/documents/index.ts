export { findDocument } from './queries.ts'
export { documentKey } from './views.ts'
