export { activityView } from './views.ts'
