/** Tokens that are odd in their text, in how it is encoded, and in their header: the outer half of the corpus. */
import { constants, createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { encodePart, sessionClaims, strangerKey, type TestClerk } from './clerk-instance.ts'

export interface CorpusToken {
  what: string
  token: string
  /** When to look at it, ms since 1970; else when it is valid, expired and too old. */
  clocks?: readonly number[]
}

/** Header and payload exactly as given, well signed. */
export function signedParts(header: string, payload: string, key: KeyObject): string {
  return `${header}.${payload}.${sign('RSA-SHA256', Buffer.from(`${header}.${payload}`), key).toString('base64url')}`
}

/** Named by the keys. */
export function named(tokens: Record<string, string>): CorpusToken[] {
  return Object.entries(tokens).map(([what, token]) => ({ what, token }))
}

export function texts(clerk: TestClerk): CorpusToken[] {
  // Lengths of 2 and 3 modulo 4, so that the last character of each part has bits to spare.
  const good = clerk.token({ jti: 'jt' }, { kid: 'ins_12' })
  const [head = '', payload = '', signature = ''] = good.split('.')
  const parts = [head, payload, signature]
  const tokens: Record<string, string> = {
    'no text': '',
    null: 'null',
    'one part': head,
    'two parts': `${head}.${payload}`,
    'two parts and a dot': `${head}.${payload}.`,
    'four parts': `${good}.${signature}`,
    'four parts, the last empty': `${good}.`,
    'dots alone': '..',
    'parts in another order': `${payload}.${head}.${signature}`,
    'a scheme in front': `Bearer ${good}`,
    'the signature twice': `${head}.${payload}.${signature}${signature}`,
    'half a signature': `${head}.${payload}.${signature.slice(0, 170)}`,
  }
  for (const [name, text] of [
    ['newline', '\n'],
    ['space', ' '],
    ['NUL', '\0'],
    ['é', 'é'],
    ['plus', '+'],
    ['slash', '/'],
    ['comma', ','],
    ['quote', '"'],
    ['A', 'A'],
  ] as const) {
    tokens[`a ${name} in front`] = text + good
    tokens[`a ${name} at the end`] = good + text
  }
  for (const [at, name] of ['header', 'payload', 'signature'].entries()) {
    const part = parts[at] ?? ''
    const replaced = (text: string) => parts.with(at, text).join('.')
    tokens[`an empty ${name}`] = replaced('')
    tokens[`one = on the ${name}`] = replaced(`${part}=`)
    tokens[`two = on the ${name}`] = replaced(`${part}==`)
    tokens[`five = on the ${name}`] = replaced(`${part}=====`)
    tokens[`= within the ${name}`] = replaced(`${part.slice(0, 4)}=${part.slice(4)}`)
    tokens[`= before the ${name}`] = replaced(`=${part}`)
    tokens[`a newline within the ${name}`] = replaced(`${part.slice(0, 8)}\n${part.slice(8)}`)
    tokens[`junk for the ${name}`] = replaced('!"§$%&()?')
    tokens[`the ${name} one character short`] = replaced(part.slice(0, -1))
    tokens[`the ${name} in standard base64`] = replaced(part.replaceAll('-', '+').replaceAll('_', '/'))
    tokens[`bits to spare in the ${name}`] = replaced(sparing(part))
  }
  return named(tokens)
}

/** The same bytes in other text: one of the bits that mean nothing is set. */
function sparing(part: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return part.slice(0, -1) + alphabet[alphabet.indexOf(part.slice(-1)) ^ 1]
}

export function bitFlips(clerk: TestClerk): CorpusToken[] {
  const good = clerk.token()
  const flips = []
  for (let at = 0; at < good.length; at += 5) {
    const bit = at % 7
    const flipped = String.fromCharCode(good.charCodeAt(at) ^ (1 << bit))
    flips.push({
      what: `bit ${bit} of character ${at}`,
      token: good.slice(0, at) + flipped + good.slice(at + 1),
    })
  }
  return flips
}

export function encodings(clerk: TestClerk): CorpusToken[] {
  const claims = sessionClaims(clerk.issuer)
  const head = encodePart({ alg: 'RS256', typ: 'JWT', kid: clerk.kid })
  const payload = encodePart(claims)
  const claimsText = JSON.stringify(claims)
  const sids = '"sid":"sess_first","sid":"sess_second",'
  const bytes: Record<string, Buffer> = {
    'no JSON': Buffer.from('sid=sess_1'),
    'an array': Buffer.from('[{"alg":"RS256"}]'),
    'a string': Buffer.from('"RS256"'),
    'a number': Buffer.from('1'),
    null: Buffer.from('null'),
    true: Buffer.from('true'),
    nothing: Buffer.alloc(0),
    'half an object': Buffer.from('{"alg":"RS256"'),
    'an object and more': Buffer.from('{"alg":"RS256"}{}'),
    'a member __proto__': Buffer.from(`{"alg":"RS256","__proto__":{"sid":"sess_1"}}`),
    'bytes that are not UTF-8': Buffer.from([0x80, 0xff, 0xfe]),
  }
  const wellFormed = (json: string): Record<string, Buffer> => ({
    'spaces around': Buffer.from(` \r\n\t${json} `),
    'a byte order mark': Buffer.from(`\uFEFF${json}`),
    'a no-break space around': Buffer.from(`\u00A0${json}`),
    'invalid UTF-8 in a string': Buffer.concat([
      Buffer.from('{"x":"'),
      Buffer.from([0xc3, 0x28, 0xff]),
      Buffer.from(`",${json.slice(1)}`),
    ]),
    'an overlong form in a string': Buffer.concat([
      Buffer.from('{"x":"'),
      Buffer.from([0xc0, 0xaf]),
      Buffer.from(`",${json.slice(1)}`),
    ]),
    'a lone surrogate': withFirst(json, '"x":"\\ud800",'),
    'a member twice': withFirst(json, `"alg":"none","sub":"user_other",${sids}`),
    'a member twice, bad at the end': Buffer.from(
      json.replace(/\}$/, ',"alg":"none","sub":1,"sid":"sess_last"}'),
    ),
    'escapes in names': Buffer.from(
      json.replaceAll('"alg"', String.raw`"\u0061lg"`).replaceAll('"sid"', String.raw`"s\u0069d"`),
    ),
    'a comment': Buffer.from(json.replace('{', '{/* */')),
    'a comma too many': Buffer.from(json.replace(/\}$/, ',}')),
    'deep nesting': withFirst(json, `"x":${'['.repeat(4000)}${']'.repeat(4000)},`),
  })
  const tokens: Record<string, string> = {}
  const headText = Buffer.from(head, 'base64url').toString()
  for (const [what, raw] of Object.entries({ ...bytes, ...wellFormed(headText) })) {
    tokens[`a header of ${what}`] = signedParts(raw.toString('base64url'), payload, clerk.privateKey)
  }
  for (const [what, raw] of Object.entries({ ...bytes, ...wellFormed(claimsText) })) {
    tokens[`a payload of ${what}`] = signedParts(head, raw.toString('base64url'), clerk.privateKey)
  }
  // `>>>` and `???` become `-` and `_`, and in standard base64 `+` and `/`.
  const odd = [`{"x":">>>???>>>",${headText.slice(1)}`, `{"x":">>>???>>>",${claimsText.slice(1)}`]
  const [oddHead = '', oddPayload = ''] = odd.map((text) => Buffer.from(text).toString('base64'))
  tokens['both parts signed in standard base64'] = signedParts(oddHead, oddPayload, clerk.privateKey)
  for (const pad of ['=', '==', '===', '=====']) {
    tokens[`a header signed with ${pad}`] = signedParts(head + pad, payload, clerk.privateKey)
    tokens[`a payload signed with ${pad}`] = signedParts(head, payload + pad, clerk.privateKey)
  }
  for (const spaces of ['', ' ', '  ']) {
    const longer = Buffer.from(claimsText + spaces).toString('base64url')
    tokens[`spare bits signed after ${spaces.length} spaces`] = signedParts(
      head,
      sparing(longer),
      clerk.privateKey,
    )
  }
  return named(tokens)
}

/** JSON with a member put in front. */
function withFirst(json: string, member: string): Buffer {
  return Buffer.from(json.replace('{', `{${member}`))
}

export function headers(clerk: TestClerk): CorpusToken[] {
  const claims = sessionClaims(clerk.issuer)
  const tokens: Record<string, string> = {}
  const values: Record<string, readonly unknown[]> = {
    alg: [
      undefined,
      null,
      '',
      'none',
      'None',
      'rs256',
      'RS256 ',
      'RS384',
      'RS512',
      'HS256',
      256,
      ['RS256'],
      {},
    ],
    typ: [undefined, null, '', 'JWT', 'jwt', 'at+jwt', 'JWS', ['JWT'], 1],
    // The last one throws when anything takes it for a string.
    kid: [undefined, null, '', 'ins_other', 7, true, ['ins_1'], {}, '__proto__', { toString: {} }],
    // Clerk's marks of a session token and "ignore", and what is neither.
    cat: [
      'cl_B7d4PD111AAA',
      'cl_I7d4PD111III',
      'cl_B7d4PD222AAA',
      'cl_B7d4PD333AAA',
      undefined,
      null,
      '',
      0,
      [],
    ],
    crit: [undefined, null, [], ['b64'], ['exp'], ['https://example.com/policy'], 'exp', {}],
    b64: [true, false, null],
    zip: ['DEF'],
    oiat: [1_795_435_200, 'x'],
    jku: ['https://evil.example/jwks.json'],
    extra: [{ toString: {} }],
  }
  for (const [name, list] of Object.entries(values)) {
    for (const value of list) tokens[`${name} ${JSON.stringify(value)}`] = clerk.token({}, { [name]: value })
  }
  tokens['b64 false, as crit says'] = clerk.token({}, { crit: ['b64'], b64: false })

  const signedAs = (alg: string, signatureOf: (data: Buffer) => Buffer) => {
    const signed = `${encodePart({ alg, typ: 'JWT', kid: clerk.kid })}.${encodePart(claims)}`
    return `${signed}.${signatureOf(Buffer.from(signed)).toString('base64url')}`
  }
  const { privateKey: elliptic } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pss = { key: clerk.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  const stranger = strangerKey()
  return named({
    ...tokens,
    'none, without a signature': signedAs('none', () => Buffer.alloc(0)),
    'HS256 with the PEM for a secret': signedAs('HS256', (data) =>
      createHmac('sha256', clerk.publicPem).update(data).digest(),
    ),
    'an HMAC under the name RS256': signedAs('RS256', (data) =>
      createHmac('sha256', clerk.publicPem).update(data).digest(),
    ),
    'RS384 well signed': signedAs('RS384', (data) => sign('sha384', data, clerk.privateKey)),
    'RS512 well signed': signedAs('RS512', (data) => sign('sha512', data, clerk.privateKey)),
    'SHA-512 under the name RS256': signedAs('RS256', (data) => sign('sha512', data, clerk.privateKey)),
    'PS256 well signed': signedAs('PS256', (data) => sign('sha256', data, pss)),
    'PSS under the name RS256': signedAs('RS256', (data) => sign('sha256', data, pss)),
    'ES256 well signed': signedAs('ES256', (data) => sign('sha256', data, elliptic)),
    'a signature of zeros': signedAs('RS256', () => Buffer.alloc(256)),
    'the key of somebody else': signedAs('RS256', (data) => sign('sha256', data, stranger)),
    'the key of somebody else, enclosed': signedParts(
      encodePart({ alg: 'RS256', typ: 'JWT', kid: clerk.kid, jwk: stranger.export({ format: 'jwk' }) }),
      encodePart(claims),
      stranger,
    ),
  })
}
