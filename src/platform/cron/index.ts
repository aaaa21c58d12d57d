export { MAX_EXPRESSION, parseCron, shortestMinutes } from './expression.ts'
export { cronProblem, lastTimes, nextAfter, nextTimes } from './nextAfter.ts'
