/** Settings that are neither right nor wrong, and worth to see. A secret's value is in none of them. */
import type { Config } from '../../api/config.ts'
import { fine, info, wrong, type Verdict } from './check.ts'
import type { Facts } from './facts.ts'
import { counted } from './words.ts'

export function configuration({ problems, config }: Facts): Verdict {
  if (problems.length > 0) {
    const lines = problems.map(({ variable, problem }) => `${variable}: ${problem}`)
    return wrong(`${counted(problems.length, 'problem')}; the service does not start`, lines.join('\n'))
  }
  if (config && !config.clerk)
    return info(
      'development mode: no variable of Clerk is set',
      'For your own instance set CLERK_PUBLISHABLE_KEY (.env.example).',
    )
  return fine('each variable can be read')
}

export function logoutEndpoint({ logoutEndpoint }: Config): Verdict {
  return info(logoutEndpoint ? 'on' : 'off: DELETE /v1/auth/session does not exist')
}

export function auditRequired({ auditRequired }: Config): Verdict {
  return info(
    auditRequired
      ? 'on: a logout that could not be recorded is answered 503'
      : 'off: every logout is answered 200; Logout-Record says how sure it is',
  )
}

const policies = {
  truncate: 'truncate: the network is kept (/24 of IPv4, /48 of IPv6)',
  full: 'full: addresses are kept whole',
  drop: 'drop: no address is kept',
} as const satisfies Record<Config['ipPolicy'], string>

export function addresses({ ipPolicy }: Config): Verdict {
  return info(policies[ipPolicy])
}

export function allowedOrigins({ allowedOrigins }: Config): Verdict {
  return info(allowedOrigins.length === 0 ? 'none: pages of the same origin only' : allowedOrigins.join(', '))
}

export function readers({ readerKeys, readerUserIds, clerk }: Config): Verdict {
  const keys = readerKeys.map(({ name }) => name)
  const all = [
    ...(keys.length > 0 ? [`${counted(keys.length, 'key')}: ${keys.join(', ')}`] : []),
    ...(readerUserIds.length > 0
      ? [`${counted(readerUserIds.length, 'Clerk user')}: ${readerUserIds.join(', ')}`]
      : []),
  ]
  if (all.length > 0) return info(all.join('; '))
  return info(clerk ? 'none: nobody may read over HTTP' : 'development mode: a key that each start prints')
}
