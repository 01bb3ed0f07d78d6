/** Cross-origin rules of the logout endpoint: the listed origins, without credentials (cookies stay same-origin). */

/** The headers of an answer to a page of an allowed origin; none for any other. */
export function corsHeaders(request: Request, allowedOrigins: readonly string[]): Record<string, string> {
  if (allowedOrigins.length === 0) return {}
  const origin = request.headers.get('origin')
  if (!origin || !allowedOrigins.includes(origin)) return { Vary: 'Origin' }
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': 'Logout-Record',
  }
}

/** The answer to OPTIONS. */
export function preflight(request: Request, allowedOrigins: readonly string[]): Response {
  const cors = corsHeaders(request, allowedOrigins)
  const permissions = {
    'Access-Control-Allow-Methods': 'DELETE',
    'Access-Control-Allow-Headers': 'Authorization, traceparent, tracestate',
    'Access-Control-Max-Age': '7200',
  }
  return new Response(null, {
    status: 204,
    headers: {
      Allow: 'DELETE, OPTIONS',
      ...cors,
      ...(cors['Access-Control-Allow-Origin'] ? permissions : {}),
    },
  })
}
