import { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerOptions } from 'node:http'
import type { Express } from 'express'

/**
 * The classes with which a server makes the requests and responses of an Express application. Express gives each of both another
 * prototype before it handles them, and V8 then forgets what it knows of their shape: that was half of the processor time of a small
 * answer. Objects of these classes have that prototype already, and setting it changes nothing.
 *
 * An application that is mounted in another one would set its own prototypes again; `Router()` does not.
 * @param app an application; it must be used with these classes only by the server that gets them
 */
export function expressObjectsOf(app: Express): Required<Pick<ServerOptions, 'IncomingMessage' | 'ServerResponse'>> {
  class ExpressRequest extends IncomingMessage {}
  class ExpressResponse<R extends IncomingMessage> extends ServerResponse<R> {}
  Object.setPrototypeOf(ExpressRequest.prototype, app.request)
  Object.setPrototypeOf(ExpressResponse.prototype, app.response)
  app.request = ExpressRequest.prototype as Express['request']
  app.response = ExpressResponse.prototype as Express['response']
  return { IncomingMessage: ExpressRequest, ServerResponse: ExpressResponse }
}
