/**
 * The linter, and with it the walls between the rooms: which folder may import which (DESIGN: cli, api/main → app →
 * routes → session-ends → trail). `test/arrows.test.ts` breaks each wall once and sees the linter complain.
 */
import { defineConfig } from 'oxlint'

interface Wall {
  /** Matches the text of an import. */
  regex: string
  message: string
  allowTypeImports?: boolean
}

const toClerk: Wall = {
  regex: '^(@clerk/|jose$|jose/)',
  message: 'Only api/clerk/ imports Clerk’s SDK and code for tokens.',
}
const toHttp: Wall = {
  regex: '^(hono($|[/-])|@hono/|node:http)',
  message: 'trail/ and session-ends/ know no HTTP.',
}
const upwards: Wall = {
  regex: '^(\\.\\./)+(api|cli|react|dashboard)/|^(\\.\\./)+(index|hono|next)\\.ts$',
  message: 'An arrow points the wrong way: cli, api/main → app → routes → session-ends → trail.',
}
const toSessionEnds: Wall = { regex: '/session-ends/', message: 'trail/ does not know its readers.' }
const toStores: Wall = {
  regex: '/stores/',
  message: 'Only api/stores, api/readable, api/following and cli/ choose a store.',
}
const toDatabase: Wall = {
  regex: '^(node:sqlite|pg|kysely)($|/)',
  message: 'SQL stays behind the store of trail/ and the views of session-ends/.',
}
const toClerkRoom: Wall = {
  regex: '/clerk/',
  message: 'Only index, hono, next and api/main join api/clerk to the routes.',
}
const toRoutes: Wall = { regex: '/routes/', message: 'api/clerk/ does not know the routes.' }
const toApp: Wall = {
  regex: '/(app|main|config|serve)\\.ts$',
  message: 'A route is handed what it needs by the app.',
}
const toSibling: Wall = { regex: '^\\./|/routes/', message: 'Routes never import each other.' }
const toNode: Wall = { regex: '^node:', message: 'Rung 1 runs where there is no Node.' }
const toMain: Wall = { regex: '/main\\.ts$', message: 'Nothing imports the composition root but cli/.' }
const toEnvironment: Wall = { regex: '^node:process$', message: 'Only api/config.ts reads the environment.' }

const toContract: Wall = {
  regex: '^(\\.\\./)+api/contract\\.ts$',
  message: 'A front end has the contract’s types, and none of its code.',
  allowTypeImports: true,
}
const toBackend: Wall = {
  // The linter's expressions cannot look ahead: `cont` is how contract.ts begins, and nothing else in api/.
  regex:
    '^(\\.\\./)+((index|hono|next)\\.ts$|(trail|session-ends|cli|dashboard|test|docs|bench)/|api/([^c]|c[^o]|co[^n]|con[^t]))',
  message: 'A front end talks HTTP, and knows the types of api/contract only.',
}
const toBackendOfDashboard: Wall = {
  regex: toBackend.regex.replace('|dashboard|', '|react|'),
  message: toBackend.message,
}
const toClerkPackage: Wall = {
  regex: '^@clerk/',
  message: 'The dashboard has Clerk’s script from Clerk’s host, and none of it in its own.',
}
const toClerkReact: Wall = {
  regex: '^@clerk/',
  message: 'Only react/nextjs.ts and react/clerk.ts import Clerk’s packages.',
}
const toClerkBackend: Wall = {
  regex: '^(@clerk/(backend|clerk-js)|jose)($|/)',
  message: 'A front end verifies nothing, and is given its Clerk.',
}

const toStandIn: Wall = {
  regex: '/clerk-stand-in/',
  message: 'The stand-in is for tests, the bench and the demo.',
}
const toProduct: Wall = {
  regex: '^\\.\\./',
  message: 'The stand-in knows Clerk, and nothing of ours.',
}

/** The files of rung 1 that lie among the service's own. */
const rung1 = 'api/{bearer,caller,cors,logout-event,logout-log,logout-request,mount-logout,problem,urls}.ts'
const tests = [
  '**/*.test.ts',
  '**/*.slow.ts',
  '**/*.e2e.ts',
  '**/*.pg.ts',
  'test/**/*.ts',
  'trail/stores/conformance.ts',
  'session-ends/*.conformance.ts',
]

/** What Node has without an import, and a browser, a worker or an edge runtime has not. */
const nodeGlobals = ['Buffer', 'process', 'global', 'setImmediate', 'clearImmediate', 'require'].map(
  (name) => ({ name, message: toNode.message }),
)

function room(files: string[], inner: Wall[]) {
  const walls = inner.includes(toProduct) ? inner : [...inner, toStandIn]
  return walls.includes(toNode)
    ? { files, rules: { ...imports(walls), 'no-restricted-globals': ['error', ...nodeGlobals] as Rule } }
    : { files, rules: imports([...walls, toEnvironment]) }
}

function imports(patterns: Wall[]) {
  return { 'no-restricted-imports': ['error', { patterns }] as Rule }
}

type Rule = ['error', ...object[]]

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'node', 'promise'],
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: [
    'dist/**',
    'examples/nextjs/{.next,node_modules}/**',
    'examples/client/**',
    '**/next-env.d.ts',
  ],
  rules: {
    'no-empty': ['error', { allowEmptyCatch: false }],
    'no-empty-function': 'error',
    eqeqeq: 'error',
    'max-params': ['error', { max: 3 }],
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
    'no-restricted-properties': [
      'error',
      { object: 'process', property: 'env', message: toEnvironment.message },
      { object: 'globalThis', property: 'process', message: toEnvironment.message },
    ],
    // So that the walls know a module of Node by its name.
    'unicorn/prefer-node-protocol': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-floating-promises': ['error', { ignoreVoid: false }],
    'typescript/no-misused-promises': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: false }],
    'typescript/consistent-type-imports': 'error',
    // The compiler itself knows when a switch covers every case.
    'typescript/consistent-return': 'off',
    // A brand is put on by the one parser that has checked the value.
    'typescript/no-unsafe-type-assertion': 'off',
    // About windows in a browser; ours are worker threads.
    'unicorn/require-post-message-target-origin': 'off',
    'promise/always-return': 'off',
    'no-await-in-loop': 'off',
    'no-shadow': 'off',
    'no-underscore-dangle': 'off',
  },
  overrides: [
    // A later entry replaces an earlier one for the same file.
    room(['trail/**/*.ts'], [toClerk, toHttp, upwards, toSessionEnds]),
    room(['trail/*.ts'], [toClerk, toHttp, upwards, toSessionEnds, toStores, toDatabase]),
    room(['trail/entry.ts'], [toClerk, toHttp, upwards, toSessionEnds, toStores, toNode]),
    room(['session-ends/**/*.ts'], [toClerk, toHttp, upwards, toStores]),
    room(['api/{*,operations/*}.ts'], [toClerk, toClerkRoom, toStores, toDatabase, upwards, toMain]),
    room([rung1], [toClerk, toClerkRoom, toStores, toDatabase, upwards, toMain, toNode]),
    room(
      ['api/config.ts', 'api/config-values.ts', 'api/ask-clerk.ts'],
      [toClerk, toStores, toDatabase, toRoutes, upwards, toMain],
    ),
    // Each of the workers is the composition root of its thread.
    room(['api/main.ts'], [toClerk, toStores, toDatabase, upwards]),
    room(['api/{stores,readable,following}.ts'], [toClerk, toClerkRoom, toDatabase, upwards, toMain]),
    room(['api/routes/**/*.ts'], [toClerk, toClerkRoom, toStores, toApp, toSibling, upwards, toNode]),
    room(['api/clerk/**/*.ts'], [toStores, toRoutes, toApp, upwards, toNode]),
    room(['api/clerk/node-*.ts'], [toStores, toRoutes, toApp, upwards]),
    room(['index.ts', 'hono.ts', 'next.ts'], [toClerk, toStores, toMain, toNode]),
    room(['react/*.ts'], [toContract, toBackend, toClerkReact, toNode]),
    room(['react/{nextjs,clerk}.ts'], [toContract, toBackend, toClerkBackend, toNode]),
    room(['dashboard/*.{ts,tsx}'], [toContract, toBackendOfDashboard, toClerkPackage, toNode]),
    room(['clerk-stand-in/**/*.ts'], [toProduct]),
    room(['cli/**/*.ts'], [toClerk, toClerkRoom, toDatabase]),
    {
      files: ['api/config.ts'],
      rules: { 'no-restricted-properties': 'off' },
    },
    {
      // A script of its own, for people with a Clerk instance.
      files: ['clerk-stand-in/check-clerk-main.ts'],
      rules: { 'no-restricted-properties': 'off' },
    },
    // Apps and scripts of their own: they read their environment, and Next asks for default exports.
    {
      files: ['examples/**'],
      rules: {
        'no-restricted-properties': 'off',
        'import/no-default-export': 'off',
        'import/no-unassigned-import': ['error', { allow: ['**/*.css'] }],
      },
    },
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
    {
      files: tests,
      rules: {
        'no-restricted-imports': 'off',
        'no-restricted-globals': 'off',
        'no-restricted-properties': 'off',
        // A helper of one test stands in that test, where its reader is.
        'unicorn/consistent-function-scoping': 'off',
        // `describe` and `it` return promises that the runner awaits.
        'typescript/no-floating-promises': [
          'error',
          {
            ignoreVoid: false,
            allowForKnownSafeCalls: [
              {
                from: 'package',
                package: 'node:test',
                name: ['describe', 'it', 'test', 'before', 'after', 'beforeEach', 'afterEach'],
              },
            ],
          },
        ],
      },
    },
  ],
})
