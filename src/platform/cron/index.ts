export { MAX_EXPRESSION, parseCron, shortestMinutes } from './expression.ts'
export { cronProblem, isSchedule, lastTimes, nextAfter, nextTimes } from './nextAfter.ts'
