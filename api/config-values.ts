/**
 * How single values of the configuration are written: strict parsers, whose messages quote what was given (never a
 * secret) and say what to use instead.
 */
import { createPublicKey } from 'node:crypto'
import { z } from 'zod'
import { ID, type UserId } from '../trail/entry.ts'
import { pemsOf } from './clerk/identify.ts'
import type { ReaderKey } from './readers.ts'
import { isHttpsOrLoopback, isOrigin } from './urls.ts'

/** One word of a closed list. */
export function oneOf<const Word extends string>(words: readonly Word[], preset: NoInfer<Word>) {
  const expected = words.length === 2 ? `neither ${words.join(' nor ')}` : `not one of ${words.join(', ')}`
  return z.enum(words, { error: (issue) => `${quoted(issue.input)} is ${expected}.` }).default(preset)
}

/** A switch, `on` or `off`. */
export function onOff(preset: 'on' | 'off') {
  return oneOf(['on', 'off'], preset).transform((value) => value === 'on')
}

export function wholeNumber(preset: number, { min, max, what }: { min: number; max: number; what: string }) {
  const error = (issue: { input?: unknown }) =>
    `${quoted(issue.input)} is not ${what}; use a whole number from ${min} to ${max} (default ${preset}).`
  return z
    .string()
    .regex(/^\d{1,9}$/, { error })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error })
    .default(preset)
}

/** Comma-separated; each part is parsed, and the first that cannot be is quoted. */
export function list<T>(
  parse: (part: string) => T | null,
  expected: string,
  secret: 'secret' | 'public' = 'public',
) {
  return z
    .string()
    .default('')
    .transform((text, context): T[] => {
      const parts = text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
      return parts.map((part, at) => {
        const value = parse(part)
        if (value !== null) return value
        const which = secret === 'secret' ? `Part ${at + 1}` : quoted(part)
        context.addIssue({ code: 'custom', message: `${which} is not ${expected}.` })
        return z.NEVER
      })
    })
}

export const httpsUrl = z.string().refine(isHttpsOrLoopback, {
  abort: true,
  error: (issue) => `${quoted(issue.input)} is not an https:// address (http:// is for loopback only).`,
})

export function parseOrigin(text: string): string | null {
  return isOrigin(text) ? text : null
}

export function parseReaderKey(text: string): ReaderKey | null {
  const [, name, secret] = /^([A-Za-z0-9_.-]{1,64}):([\x21-\x7e]{32,})$/.exec(text) ?? []
  return name && secret ? { name, secret } : null
}

/** `user_` and what follows, as Clerk's dashboard shows it. */
export function parseUserId(text: string): UserId | null {
  return text.startsWith('user_') && ID.test(text) ? (text as UserId) : null
}

/** `whsec_` and base64, as Svix gives it. */
export function parseWebhookSecret(text: string): string | null {
  return /^whsec_[A-Za-z0-9+/]{16,}={0,2}$/.test(text) ? text : null
}

export function refuseBadPem(text: string, context: z.RefinementCtx): void {
  const pems = pemsOf(text)
  const message =
    pems.length === 0
      ? 'It holds no public key; copy Clerk’s “JWKS Public Key”, from -----BEGIN PUBLIC KEY----- to the end.'
      : pems.length > 2
        ? 'It holds more than two public keys; one is in use, a second while Clerk’s key rotates.'
        : pems.some((pem) => !isRsaPublicKey(pem))
          ? 'It holds a public key that is not RSA of at least 2048 bits; copy Clerk’s “JWKS Public Key” again.'
          : null
  if (message) context.addIssue({ code: 'custom', message })
}

function isRsaPublicKey(pem: string): boolean {
  try {
    const key = createPublicKey(pem)
    return key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}

export function quoted(value: unknown): string {
  const text = String(value)
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
