export { forgetSignIns } from './forget.ts'
export { openPeople } from './people.ts'
export type { People } from './people.ts'
export type { PeopleSettings } from './peopleSettings.ts'
