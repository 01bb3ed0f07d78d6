/** What the world does to a trail. Each code is a sentence in docs/OPERATE.md that says what to do about it. */
export const trailErrorCodes = [
  'trail-closed',
  'trail-corrupt',
  'trail-foreign',
  'trail-issuer-mismatch',
  'trail-locked',
  'trail-not-a-file',
  'trail-replaced',
  'trail-rewound',
  'trail-too-new',
  'trail-unavailable',
  'trail-unreadable',
  'trail-unwritable',
  'views-damaged',
  'views-unusable',
] as const
export type TrailErrorCode = (typeof trailErrorCodes)[number]

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

export class TrailError extends Error {
  override readonly name = 'TrailError'
  readonly code: TrailErrorCode

  constructor(code: TrailErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
