/**
 * Some hundreds of good and bad tokens of one Clerk instance, each with what it is. The groups are the parts of a
 * token from the outside in: text, encoding, header, claims, clock. No verdicts here: those are for the specs.
 */
import { encodePart, sessionClaims, TOKEN_TIME, type TestClerk } from './clerk-instance.ts'
import { bitFlips, encodings, headers, named, signedParts, texts, type CorpusToken } from './token-texts.ts'

export const AZP = 'https://app.example.com'

const IAT = TOKEN_TIME / 1000

export function tokenCorpus(clerk: TestClerk): Record<string, CorpusToken[]> {
  return {
    'the text of a token': texts(clerk),
    'bit flips': bitFlips(clerk),
    'signed encodings': encodings(clerk),
    'headers and keys': headers(clerk),
    'kinds of token': kinds(clerk),
    'types of claims': claimTypes(clerk),
    ids: ids(clerk),
    'authorized parties': authorizedParties(clerk),
    'the clock': clocks(clerk),
  }
}

function kinds(clerk: TestClerk): CorpusToken[] {
  const organisation = { id: 'org_2aBcD', slg: 'acme', rol: 'admin', per: 'read,manage', fpm: '3,1' }
  return named({
    'a session token': clerk.token(),
    'a template token': clerk.token({
      sid: undefined,
      azp: undefined,
      sts: undefined,
      v: undefined,
      fva: undefined,
    }),
    'a template token with aud': clerk.token({ sid: undefined, azp: undefined, aud: 'convex' }),
    'a machine token': clerk.token({ sub: 'mch_2aBcD', sid: undefined }, { cat: 'cl_B7d4PD333AAA' }),
    'version 1': clerk.token({ v: undefined, sts: undefined, fva: undefined }),
    'version 1 with an organisation': clerk.token({
      v: undefined,
      sts: undefined,
      fva: undefined,
      org_id: 'org_2aBcD',
      org_role: 'org:admin',
      org_slug: 'acme',
      org_permissions: ['org:x:read'],
    }),
    'version 2 with an organisation': clerk.token({
      o: organisation,
      pla: 'o:pro',
      fea: 'o:invoices,o:seats',
    }),
    'version 2 without nbf and jti': clerk.token({ nbf: undefined, jti: undefined }),
    'a plan and features': clerk.token({
      pla: 'u:free',
      fea: 'u:export',
      fva: [3, 9],
      jti: '10db7f531a90cb2faea4',
    }),
    'an impersonated user': clerk.token({
      act: { iss: 'https://dashboard.clerk.com', sid: 'sess_9', sub: 'user_9' },
    }),
    'a pending session': clerk.token({ sts: 'pending' }),
    'an audience': clerk.token({ aud: ['https://api.example.com'] }),
    'a custom claim of 10 kB': clerk.token({ metadata: 'x'.repeat(10_240) }),
    'custom claims in every script': clerk.token({ name: 'Zoë 山田 😀', 山: ['\0', '\u2028'] }),
    'another issuer': clerk.token({ iss: 'https://clerk.other.example' }),
    'an issuer with a slash': clerk.token({ iss: `${clerk.issuer}/` }),
    'an issuer in capitals': clerk.token({ iss: clerk.issuer.toUpperCase() }),
    'no claims at all': signedParts(encodePart({ alg: 'RS256' }), encodePart({}), clerk.privateKey),
  })
}

const TEXTS_AND_SHAPES: readonly unknown[] = [
  undefined,
  null,
  '',
  'text',
  '1795435200',
  true,
  false,
  [],
  ['x'],
  [1],
  {},
  { id: 'x' },
  // Throws when anything takes it for a string or a number.
  { toString: '' },
]
const NUMBERS = [0, 1, -1, 1.5, IAT, IAT + 0.5, -IAT, 253_402_300_800, 8.64e12, 8.64e12 + 1, 2 ** 53, 1e300]

function claimTypes(clerk: TestClerk): CorpusToken[] {
  const tokens: Record<string, string> = {}
  for (const claim of [
    'iat',
    'exp',
    'nbf',
    'sub',
    'sid',
    'azp',
    'iss',
    'o',
    'act',
    'org_id',
    'aud',
    'sts',
    'v',
  ]) {
    for (const value of [...TEXTS_AND_SHAPES, { sub: 'x' }, ...NUMBERS]) {
      tokens[`${claim} ${JSON.stringify(value)}`] = clerk.token({ [claim]: value })
    }
  }
  for (const text of ['-0', '1e3', '1E400', '-1e400', `${IAT}.0`, `${IAT}.999`, '00', 'NaN']) {
    for (const claim of ['iat', 'exp', 'nbf']) {
      const json = JSON.stringify({ ...sessionClaims(clerk.issuer), [claim]: '@' }).replace('"@"', text)
      const payload = Buffer.from(json).toString('base64url')
      tokens[`${claim} written ${text}`] = signedParts(
        encodePart({ alg: 'RS256' }),
        payload,
        clerk.privateKey,
      )
    }
  }
  return named(tokens)
}

function ids(clerk: TestClerk): CorpusToken[] {
  const tokens: Record<string, string> = {}
  const texts = {
    'of 128 characters': `x_${'a'.repeat(126)}`,
    'of 129 characters': `x_${'a'.repeat(127)}`,
    'of one character': 'x',
    'with a newline at the end': 'x_1\n',
    'with a newline': 'x_1\nx_2',
    'with NUL': 'x_1\0',
    'with ESC': 'x_\u001B[31m',
    'with a space': 'x_1 ',
    'with é': 'x_é',
    'with a full-width letter': 'x_Ａ',
    'with a bidirectional mark': 'x_\u202E1',
    'with a dot': 'x.1',
    'with a slash': '../x_1',
    'with a hyphen': 'x-1',
  }
  for (const [what, text] of Object.entries(texts)) {
    tokens[`sub ${what}`] = clerk.token({ sub: text })
    tokens[`sid ${what}`] = clerk.token({ sid: text })
    tokens[`o.id ${what}`] = clerk.token({ o: { id: text } })
    tokens[`org_id ${what}`] = clerk.token({ org_id: text })
    tokens[`act.sub ${what}`] = clerk.token({ act: { sub: text } })
  }
  return named(tokens)
}

function authorizedParties(clerk: TestClerk): CorpusToken[] {
  const values = [
    AZP,
    undefined,
    null,
    '',
    'https://evil.example',
    `${AZP}/`,
    AZP.toUpperCase(),
    AZP.slice(0, -1),
  ]
  values.push(
    `${AZP}.evil.example`,
    'null',
    'https://app.example.co',
    `x${'a'.repeat(511)}`,
    `x${'a'.repeat(512)}`,
  )
  return values.map((azp) => ({ what: `azp ${JSON.stringify(azp)}`, token: clerk.token({ azp }) }))
}

const SKEW_MS = 5000
const DAY_MS = 86_400_000

/** At `edge`, and 1 ms and 1 s either side. */
function around(edge: number): number[] {
  return [edge - 1000, edge - 1, edge, edge + 1, edge + 1000]
}

function clocks(clerk: TestClerk): CorpusToken[] {
  const exp = TOKEN_TIME + 60_000
  const later = { iat: IAT + 600, nbf: undefined, exp: IAT + 660 }
  const tokens: CorpusToken[] = [
    { what: 'exp, leeway', token: clerk.token(), clocks: around(exp + SKEW_MS) },
    { what: 'exp', token: clerk.token(), clocks: around(exp) },
    { what: 'expired by a day', token: clerk.token(), clocks: around(exp + DAY_MS) },
    { what: 'expired by a day, leeway', token: clerk.token(), clocks: around(exp + DAY_MS + SKEW_MS) },
    { what: 'expired by ten years', token: clerk.token(), clocks: [exp + 3650 * DAY_MS] },
    { what: 'iat, leeway', token: clerk.token(later), clocks: around(TOKEN_TIME + 600_000 - SKEW_MS) },
    { what: 'iat', token: clerk.token(later), clocks: around(TOKEN_TIME + 600_000) },
    {
      what: 'nbf, leeway',
      token: clerk.token({ nbf: IAT + 30 }),
      clocks: around(TOKEN_TIME + 30_000 - SKEW_MS),
    },
    { what: 'in 1970', token: clerk.token(), clocks: [0] },
  ]
  // Some were never valid: not even at the moment they were issued.
  for (const seconds of [-61, -6, -5, -4, 0, 4, 5, 6, 61]) {
    tokens.push(
      { what: `exp ${seconds} s after iat`, token: clerk.token({ exp: IAT + seconds }) },
      { what: `nbf ${seconds} s after iat`, token: clerk.token({ nbf: IAT + seconds }) },
    )
  }
  return tokens
}
