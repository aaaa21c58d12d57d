import { describe, expect, test } from 'vitest'
import { refusalOf } from './databaseErrors.ts'

const failure = (fields: object, message = 'some message'): Error => Object.assign(new Error(message), fields)

/** As Drizzle wraps what the driver throws. */
const wrapped = (cause: Error): Error => new Error('Failed query', { cause })

describe('what a failure of the database means to a caller', () => {
  test.each([
    ['nobody listens', failure({ code: 'ECONNREFUSED', syscall: 'connect' })],
    ['the socket file is gone', failure({ code: 'ENOENT', syscall: 'connect' })],
    ['the socket may not be entered', failure({ code: 'EACCES', syscall: 'connect' })],
    ['the name is not known', failure({ code: 'ENOTFOUND', syscall: 'getaddrinfo' })],
    ['it shuts down', failure({ code: '57P01' })],
    ['it starts', failure({ code: '57P03' })],
    ['it crashed', failure({ code: '57P02' })],
    ['it has too many sessions', failure({ code: '53300' })],
    ['the password was changed', failure({ code: '28P01' })],
    ['the transaction idled too long', failure({ code: '25P03' })],
    ['the connection broke', failure({}, 'Connection terminated unexpectedly')],
    ['the connection broke before', failure({}, 'Client has encountered a connection error and is not queryable')],
    ['no connection came in time', failure({}, 'timeout expired')],
    ['no connection became free in time', failure({}, 'timeout exceeded when trying to connect')],
    ['no answer came', failure({}, 'Query read timeout')],
    ['this server is stopping', failure({}, 'Cannot use a pool after calling end on the pool')],
  ])('%s: 503 unavailable, try again', (_, error) => {
    for (const seen of [error, wrapped(error)]) expect(refusalOf(seen)).toMatchObject({ code: 'unavailable', status: 503, retryAfter: 1 })
  })

  test.each(['40001', '40P01', '55P03', '57014', '53200', '53100'])('%s: 503 busy, try again', (code) => {
    expect(refusalOf(wrapped(failure({ code })))).toMatchObject({ code: 'busy', status: 503, retryAfter: 1 })
  })

  test.each([
    ['23503', 422],
    ['23505', 409],
    ['23514', 422],
    ['22P02', 400],
    ['22003', 400],
    ['22021', 400],
  ])('%s: the caller, with status %i', (code, status) => {
    expect(refusalOf(wrapped(failure({ code })))).toMatchObject({ status })
  })

  test.each([
    ['a syntax error', failure({ code: '42601' })],
    ['a write outside a transaction', failure({ code: '25006' })],
    ['a file of ours that is missing', failure({ code: 'ENOENT', syscall: 'open' })],
    ['a broken invariant', failure({}, 'invariant broken: something')],
  ])('%s is a bug of ours, and no refusal', (_, error) => {
    expect(refusalOf(error)).toBeUndefined()
  })
})
