import { describe, expect, test } from 'vitest'
import { refusalOf } from './databaseErrors.ts'

const failure = (fields: object, message = 'some message'): Error => Object.assign(new Error(message), fields)

/** The driver's error in the form in which Drizzle wraps it. */
const wrapped = (cause: Error): Error => new Error('Failed query', { cause })

describe('refusalOf', () => {
  test.each([
    ['no process listens', failure({ code: 'ECONNREFUSED', syscall: 'connect' })],
    ['the socket file does not exist', failure({ code: 'ENOENT', syscall: 'connect' })],
    ['the socket file is not accessible', failure({ code: 'EACCES', syscall: 'connect' })],
    ['the host name is unknown', failure({ code: 'ENOTFOUND', syscall: 'getaddrinfo' })],
    ['the database shuts down', failure({ code: '57P01' })],
    ['the database starts', failure({ code: '57P03' })],
    ['the database crashed', failure({ code: '57P02' })],
    ['the database has too many sessions', failure({ code: '53300' })],
    ['the password was changed', failure({ code: '28P01' })],
    ['the transaction idled too long', failure({ code: '25P03' })],
    ['the connection broke', failure({}, 'Connection terminated unexpectedly')],
    ['the connection broke before', failure({}, 'Client has encountered a connection error and is not queryable')],
    ['no connection came in time', failure({}, 'timeout expired')],
    ['no connection became free in time', failure({}, 'timeout exceeded when trying to connect')],
    ['no answer came', failure({}, 'Query read timeout')],
    ['this server is stopping', failure({}, 'Cannot use a pool after calling end on the pool')],
  ])('The client receives 503 unavailable when %s', (_, error) => {
    for (const seen of [error, wrapped(error)]) expect(refusalOf(seen)).toMatchObject({ code: 'unavailable', status: 503, retryAfter: 1 })
  })

  test.each(['40001', '40P01', '55P03', '57014', '53200', '53100'])('The client receives 503 busy for SQLSTATE %s', (code) => {
    expect(refusalOf(wrapped(failure({ code })))).toMatchObject({ code: 'busy', status: 503, retryAfter: 1 })
  })

  test.each([
    ['23503', 422],
    ['23505', 409],
    ['23514', 422],
    ['22P02', 400],
    ['22003', 400],
    ['22021', 400],
  ])('The client caused SQLSTATE %s and receives status %i', (code, status) => {
    expect(refusalOf(wrapped(failure({ code })))).toMatchObject({ status })
  })

  test.each([
    ['a syntax error', failure({ code: '42601' })],
    ['a write outside a transaction', failure({ code: '25006' })],
    ['a missing file of this server', failure({ code: 'ENOENT', syscall: 'open' })],
    ['a broken invariant', failure({}, 'invariant broken: something')],
  ])('No refusal is made of %s, which is a bug of this server', (_, error) => {
    expect(refusalOf(error)).toBeUndefined()
  })
})
