export { readSettings } from './settings.ts'
export { defaultSettings } from './views.ts'
