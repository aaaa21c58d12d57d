export { finishSupervisedRun } from './finishSupervisedRun.ts'
