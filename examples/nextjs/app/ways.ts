export interface Way {
  name: string
  title: string
  text: string
  /** What `LogoutButton` is given. */
  endpoint: string | false
  afterwards: string
}

export const ways = [
  {
    name: 'service',
    title: 'The service',
    text: 'Option 1, rung 2: verified, logged, and recorded in the trail.',
    endpoint: '/v1/auth/session',
    afterwards: 'Afterwards the service prints a line with "record":"durable": the logout is in the trail.',
  },
  {
    name: 'route',
    title: 'A route of this app',
    text: 'Option 1, rung 1: verified and logged. Nothing is stored.',
    endpoint: '/rung-1/v1/auth/session',
    afterwards: 'Afterwards this app’s server prints a line with "record":"logged".',
  },
  {
    name: 'nobody',
    title: 'Not at all',
    text: 'Option 2: Clerk’s sign-out alone.',
    endpoint: false,
    afterwards: 'Afterwards nothing is printed: only Clerk knows.',
  },
] as const satisfies [Way, ...Way[]]
