// The page at which people read the API document and try its operations: Swagger UI, set up for a document of hundreds of operations.

import type { Express, NextFunction, Request, Response } from 'express'
import swaggerUi from 'swagger-ui-express'
import { pageHeaders } from './headers.ts'

const PAGE_PATH = '/api/docs'

const SCRIPT_NAME = 'partsOfDocument.js'

/**
 * Gives the page's resolver a part of the document: what stands at the path that it is asked for, and the components that this refers to. Swagger UI
 * hands it the whole document each time, and to take a megabyte apart keeps a browser busy for many seconds before it draws anything.
 */
const SCRIPT = `'use strict'
function partOf(whole, path) {
  const part = { openapi: whole.openapi, components: {} }
  const addReferences = (value) => {
    if (typeof value !== 'object' || value === null) return
    const [kind, name] = typeof value.$ref === 'string' ? value.$ref.slice('#/components/'.length).split('/') : []
    if (kind !== undefined && part.components[kind]?.[name] === undefined) {
      part.components[kind] ??= {}
      part.components[kind][name] = whole.components[kind][name]
      addReferences(part.components[kind][name])
    }
    Object.values(value).forEach(addReferences)
  }
  let from = whole
  let to = part
  for (const key of path.slice(0, -1)) {
    from = from?.[key]
    to = to[key] ??= {}
  }
  const last = path.at(-1)
  to[last] = from?.[last]
  addReferences(to[last])
  return part
}
const resolvesParts = ({ fn: { resolveSubtree } }) => ({
  fn: { resolveSubtree: (whole, path, options) => resolveSubtree(path.length === 0 ? whole : partOf(whole, path), path, options) },
})
const draw = window.SwaggerUIBundle
window.SwaggerUIBundle = Object.assign((options) => draw({ ...options, plugins: [...options.plugins, resolvesParts] }), draw)
`

/** Mounts the page. @param documentPath where this server has the document */
export function mountDocsPage(app: Express, documentPath: string): void {
  app.get(`${PAGE_PATH}/${SCRIPT_NAME}`, (_request: Request, response: Response) => {
    response.set(pageHeaders).type('text/javascript').send(SCRIPT)
  })
  app.use(
    PAGE_PATH,
    (_request: Request, response: Response, next: NextFunction) => {
      response.set(pageHeaders)
      next()
    },
    swaggerUi.serve,
    swaggerUi.setup(undefined, {
      customJs: `./${SCRIPT_NAME}`,
      swaggerOptions: {
        url: documentPath,
        // By default the page sends every document that it shows to a validator on the internet.
        validatorUrl: null,
        // A closed tag costs nothing to draw. Open ones are so many rows that the page keeps only those in sight, and a search in it finds no other.
        docExpansion: 'none',
      },
    }),
  )
}
