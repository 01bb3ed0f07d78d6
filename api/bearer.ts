/** The token of `Authorization: Bearer <token>` (RFC 6750), the scheme in any case; undefined for anything else. */
export function bearerToken(authorization: string | null): string | undefined {
  return /^bearer +([^\s,]+)$/i.exec(authorization ?? '')?.[1]
}
