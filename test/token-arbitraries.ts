/** What fast-check makes of tokens: each arbitrary is mostly right, so that it comes close to the edge. */
import * as fc from 'fast-check'
import { encodePart, sessionClaims, TOKEN_TIME, type TestClerk } from './clerk-instance.ts'
import { signedParts } from './token-texts.ts'

const IAT = TOKEN_TIME / 1000
const DAY_SECONDS = 86_400

/** From two minutes before a token is issued until it is too old. */
export const clocks = fc.oneof(
  fc.constantFrom(TOKEN_TIME, TOKEN_TIME + 30_000, TOKEN_TIME + 1_800_000),
  fc.integer({ min: TOKEN_TIME - 120_000, max: TOKEN_TIME + DAY_SECONDS * 1000 + 120_000 }),
)

/** Arbitrary tokens, by what is arbitrary in them. */
export function arbitraryTokens(clerk: TestClerk): Record<string, fc.Arbitrary<string>> {
  const claims = sessionClaims(clerk.issuer)
  return {
    'any claims, well signed': anyClaims(clerk).map((claims) => clerk.token(claims)),
    'any header, well signed': anyHeader(clerk).map((header) =>
      signedParts(encodePart(header), encodePart(claims), clerk.privateKey),
    ),
    'any times, well signed': anyTimes.map((times) => clerk.token(times)),
    'any bytes within, well signed': anyBytesWithin(clerk),
    'a good token, edited': edited(clerk.token()),
    'any text': fc.oneof(
      fc.string(),
      fc.array(fc.base64String(), { maxLength: 4 }).map((parts) => parts.join('.')),
    ),
  }
}

/** Mostly as usual, sometimes missing, and sometimes anything. */
function mostly(...usual: unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 24, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  )
}

function anyClaims(clerk: TestClerk) {
  const { azp, iat, nbf, exp } = sessionClaims(clerk.issuer)
  return fc.record({
    iss: mostly(clerk.issuer),
    sub: mostly('user_1', 'user_2'),
    sid: mostly('sess_1', 'sess_2'),
    azp: mostly(azp),
    iat: mostly(iat),
    nbf: mostly(nbf),
    exp: mostly(exp),
    o: mostly(undefined, { id: 'org_1' }),
    org_id: mostly(undefined, null, 'org_2'),
    act: mostly(undefined, { sub: 'user_9' }),
    sts: mostly('active', 'pending'),
    metadata: fc.jsonValue(),
  })
}

function anyHeader(clerk: TestClerk) {
  return fc.record({
    alg: mostly('RS256'),
    typ: mostly('JWT'),
    kid: mostly(clerk.kid),
    cat: mostly(undefined, 'cl_B7d4PD111AAA'),
    crit: mostly(undefined),
    extra: fc.jsonValue(),
  })
}

const seconds = fc
  .oneof(
    fc.integer({ min: -90, max: 90 }),
    fc.constantFrom(-DAY_SECONDS, -6, -5, -4, 0, 4, 5, 6, 60, DAY_SECONDS),
  )
  .map((offset) => IAT + offset)

const anyTimes = fc.record({ iat: seconds, nbf: fc.option(seconds, { nil: undefined }), exp: seconds })

/** Bytes put somewhere into the JSON of the header or of the payload, before it is signed. */
function anyBytesWithin(clerk: TestClerk): fc.Arbitrary<string> {
  const header = Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'JWT', x: 'some text' }))
  const payload = Buffer.from(JSON.stringify(sessionClaims(clerk.issuer)))
  return fc
    .record({ bytes: fc.uint8Array({ maxLength: 12 }), at: fc.nat(60), inHeader: fc.boolean() })
    .map(({ bytes, at, inHeader }) => {
      const into = inHeader ? header : payload
      const changed = Buffer.concat([into.subarray(0, at), bytes, into.subarray(at)])
      const parts = inHeader ? [changed, payload] : [header, changed]
      const [head = '', body = ''] = parts.map((part) => part.toString('base64url'))
      return signedParts(head, body, clerk.privateKey)
    })
}

/** Characters inserted, replaced and left out. */
function edited(good: string): fc.Arbitrary<string> {
  const ends = [good.indexOf('.'), good.lastIndexOf('.'), good.length]
  const edit = fc.record({
    at: fc.oneof(fc.nat(good.length), fc.constantFrom(...ends)),
    remove: fc.nat(2),
    insert: fc.oneof(
      fc.string({ maxLength: 2 }),
      fc.constantFrom('', '=', '==', '.', '-', '_', 'A', '+', '/', '\n', ' '),
    ),
  })
  return fc
    .array(edit, { minLength: 1, maxLength: 3 })
    .map((edits) =>
      edits.reduce(
        (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove),
        good,
      ),
    )
}
