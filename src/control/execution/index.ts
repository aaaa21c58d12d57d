export { finishSupervisedRun } from './finishSupervisedRun.ts'
export { countLateUsage } from './lateUsage.ts'
