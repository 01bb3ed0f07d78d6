/** GET /dashboard and what lies below it: the same files for everybody, and how this service is set up. */
import type { DashboardSettings } from '../contract.ts'
import type { DashboardFile, DashboardFiles } from '../dashboard-files.ts'
import { details, problem } from '../problem.ts'

export interface DashboardRouteDeps {
  files: DashboardFiles | null
  clerk: { publishableKey: string; frontendApi: string } | null
  settings: Omit<DashboardSettings, 'clerk'>
}

/** The page draws what its address says. */
export const pages = ['/dashboard', '/dashboard/sessions', '/dashboard/live'] as const

/** The name of an asset says what is in it. */
const FOR_EVER = 'public, max-age=31536000, immutable'

export function dashboardWith({ files, clerk, settings }: DashboardRouteDeps) {
  const pageHeaders = {
    'Content-Security-Policy': policyOf(clerk?.frontendApi),
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  }
  const told: DashboardSettings = {
    clerk: clerk && { publishable_key: clerk.publishableKey, frontend_api: clerk.frontendApi },
    ...settings,
  }
  return {
    page: (request: Request): Response =>
      files ? answer(request, files.page, pageHeaders) : problem('not-ready', details['dashboard-missing']),
    settingsJson: (): Response => Response.json(told, { headers: { 'Cache-Control': 'no-store' } }),
    asset: (request: Request, name: string): Response => {
      const file = files?.assets.get(name)
      if (file) return answer(request, file, { 'Cache-Control': FOR_EVER })
      return problem('not-found', 'This version has no such file; load /dashboard again.')
    },
  }
}

function answer(request: Request, file: DashboardFile, headers: Record<string, string>): Response {
  const packs = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(request.headers.get('accept-encoding') ?? '')
  return new Response(packs ? file.gzipped : file.body, {
    headers: {
      ...headers,
      'Content-Type': file.contentType,
      'X-Content-Type-Options': 'nosniff',
      Vary: 'Accept-Encoding',
      ...(packs && { 'Content-Encoding': 'gzip' }),
    },
  })
}

/** Nothing but this service, and Clerk's own host where people sign in with it. */
function policyOf(frontendApi: string | undefined): string {
  const clerk = frontendApi === undefined ? '' : ` https://${frontendApi}`
  return [
    "default-src 'none'",
    `script-src 'self'${clerk}`,
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self'${clerk}`,
    ...(clerk === '' ? [] : ['worker-src blob:']),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}
