/** Development mode: a throw-away key and tokens signed with it, in the shape of Clerk's session token version 2. */
import { exportSPKI, generateKeyPair, SignJWT } from 'jose'

export interface DevelopmentClerk {
  issuer: string
  /** The public key, as PEM. */
  jwtKey: string
  /** A valid token of a new session, good for an hour. */
  token: () => Promise<string>
}

/** Never the issuer of a Clerk instance: `.invalid` belongs to nobody (RFC 2606). */
export const DEVELOPMENT_ISSUER = 'https://development.logout-trail.invalid'

const LIFETIME_SECONDS = 3600

export async function developmentClerk(now: () => number): Promise<DevelopmentClerk> {
  const { publicKey, privateKey } = await generateKeyPair('RS256')
  return {
    issuer: DEVELOPMENT_ISSUER,
    jwtKey: await exportSPKI(publicKey),
    token: () => {
      const iat = Math.floor(now() / 1000)
      return new SignJWT({ sid: `sess_${crypto.randomUUID().replaceAll('-', '')}`, sts: 'active', v: 2 })
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
        .setIssuer(DEVELOPMENT_ISSUER)
        .setSubject('user_development')
        .setIssuedAt(iat)
        .setNotBefore(iat - 10)
        .setExpirationTime(iat + LIFETIME_SECONDS)
        .sign(privateKey)
    },
  }
}
