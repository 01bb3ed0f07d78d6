/** What each target is told, as JSON in its one argument. */
export interface TargetSettings {
  port: number
  /** Where it may write. */
  folder: string
  issuer: string
  publishableKey: string
  /** The public key, as PEM. */
  jwtKey: string
  /** Of Clerk's webhooks. */
  webhookSecret: string
  /** Of the service's trail. */
  databaseUrl: string
}

export function targetSettings(): TargetSettings {
  return JSON.parse(process.argv[2] ?? '{}') as TargetSettings
}

export const LOGOUT_PATH = '/v1/auth/session'
export const WEBHOOK_PATH = '/v1/webhooks/clerk'
export const HOST = '127.0.0.1'
export const ANSWER = { success: true, message: 'Logged out successfully' }
