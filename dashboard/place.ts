/** Where one is: a page and what its address says. All that can be linked to stands there. */

export const pageNames = ['overview', 'sessions', 'live'] as const
export type PageName = (typeof pageNames)[number]

export interface Place {
  page: PageName
  /** Only names that this page knows, and none that is empty. */
  params: Readonly<Record<string, string>>
}

/** `until` is the last day that counts. */
const rangeParams = ['range', 'from', 'until'] as const

/** What `GET /v1/sessions` is asked for as it stands. */
export const filterNames = ['q', 'state', 'reason', 'initiator', 'confidence', 'user_id', 'org_id'] as const

const known: Record<PageName, readonly string[]> = {
  overview: ['tz', ...rangeParams, 'bucket', 'org_id', 'tables'],
  sessions: ['tz', ...rangeParams, ...filterNames, 'session'],
  live: ['tz', 'source', 'kinds', 'id', 'session'],
}

const ROOT = '/dashboard'

export function placeOf(pathname: string, search: string): Place {
  const rest = pathname.slice(ROOT.length + 1)
  const page = pageNames.find((name) => name === rest) ?? 'overview'
  const given = [...new URLSearchParams(search)].filter(
    ([name, value]) => known[page].includes(name) && value !== '',
  )
  return { page, params: Object.fromEntries(given) }
}

/** The same place has one address: names stand in a fixed order. */
export function hrefOf({ page, params }: Place): string {
  const query = new URLSearchParams()
  for (const name of known[page]) {
    const value = params[name]
    if (value !== undefined && value !== '') query.set(name, value)
  }
  const text = query.toString()
  return `${page === 'overview' ? ROOT : `${ROOT}/${page}`}${text === '' ? '' : `?${text}`}`
}

export type Changes = Readonly<Record<string, string | null>>

/** Null takes a name away. */
export function changed(place: Place, changes: Changes): Place {
  const params: Record<string, string> = { ...place.params }
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') delete params[name]
    else params[name] = value
  }
  return { ...place, params }
}

/** The sessions behind a figure of the overview: of the same organisation, where it is of one. */
export function sessionsOf(place: Place, own: Readonly<Record<string, string>>): Place {
  const { org_id } = place.params
  return elsewhere(place, 'sessions', { ...(org_id !== undefined && { org_id }), ...own })
}

/** Another page, in the same time zone. */
export function elsewhere(
  { params }: Place,
  page: PageName,
  own: Readonly<Record<string, string>> = {},
): Place {
  const { tz } = params
  return { page, params: { ...(tz !== undefined && { tz }), ...own } }
}
