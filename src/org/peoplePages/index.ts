export { mountPeoplePages } from './mount.ts'
