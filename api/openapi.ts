/** The OpenAPI 3.1 document of an app, from what its routes say of themselves. */
import type { Handler, Hono } from 'hono'
import { generateSpecs, uniqueSymbol, type DescribeRouteOptions } from 'hono-openapi'
import type { OpenAPIV3_1 } from 'openapi-types'
import { version } from './version.ts'

export type Document = OpenAPIV3_1.Document

/** Describes a handler without a middleware in front of it: the hot path pays nothing for its documentation. */
export function documented(operation: DescribeRouteOptions, handler: Handler): Handler {
  return Object.assign(handler, { [uniqueSymbol]: { spec: operation } })
}

export function documentOf(app: Hono): Promise<Document> {
  return generateSpecs(app, {
    // /openapi.json is a route, not a file.
    excludeStaticFile: false,
    documentation: {
      info: {
        title: 'Logout Trail',
        version,
        description:
          'The logout endpoint for apps that sign in with Clerk, and a record of how every session ended.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          clerkSession: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'Clerk’s session token',
          },
          svix: {
            type: 'apiKey',
            in: 'header',
            name: 'svix-signature',
            description: 'Svix’s signature over svix-id, svix-timestamp and the body',
          },
          readerKey: { type: 'http', scheme: 'bearer', description: 'A secret of READER_API_KEYS' },
        },
      },
    },
  })
}
