import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { expect, onTestFinished, test } from 'vitest'
import { expressObjectsOf } from './expressObjects.ts'

test('Requests and responses have the prototypes of Express from their birth, and handling them changes none', async () => {
  const app = express()
  const bornWith: object[] = []
  app.get('/:name', (request, response) => {
    expect([Object.getPrototypeOf(request), Object.getPrototypeOf(response)]).toEqual(bornWith)
    expect([request.app, response.app, response.req]).toEqual([app, app, request])
    response.json({ name: request.params['name'], ip: request.ip })
  })
  const server = createServer(expressObjectsOf(app), (request, response) => {
    bornWith.push(Object.getPrototypeOf(request) as object, Object.getPrototypeOf(response) as object)
    app(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x`)
  expect([answer.status, await answer.json()]).toEqual([200, { name: 'x', ip: '127.0.0.1' }])
})
