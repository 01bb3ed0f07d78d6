/**
 * The linter, and with it the walls between the rooms: which folder may import which (DESIGN: cli, api/main → app →
 * routes → session-ends → trail). `test/arrows.test.ts` breaks each wall once and sees the linter complain.
 */
import { defineConfig } from 'oxlint'

interface Wall {
  /** Matches the text of an import. */
  regex: string
  message: string
}

const toClerk: Wall = {
  regex: '^(@clerk/|jose$|jose/)',
  message: 'Only api/clerk/ imports Clerk’s SDK and code for tokens.',
}
const toHttp: Wall = {
  regex: '^(hono($|/)|@hono/|node:https?$)',
  message: 'trail/ and session-ends/ know no HTTP.',
}
const upwards: Wall = {
  regex: '^(\\.\\./)+(api|cli|react|dashboard)/|^(\\.\\./)+(index|hono|next)\\.ts$',
  message: 'An arrow points the wrong way: cli, api/main → app → routes → session-ends → trail.',
}
const toSessionEnds: Wall = { regex: '/session-ends/', message: 'trail/ does not know its readers.' }
const toStores: Wall = { regex: '/trail/stores/', message: 'Only api/main and cli/ choose a store.' }
const toClerkRoom: Wall = {
  regex: '/clerk/',
  message: 'Only index, hono, next and api/main join api/clerk to the routes.',
}
const toRoutes: Wall = { regex: '/routes/', message: 'api/clerk/ does not know the routes.' }
const toApp: Wall = {
  regex: '/(app|main|config|serve)\\.ts$',
  message: 'A route is handed what it needs by the app.',
}
const toSibling: Wall = { regex: '^\\./', message: 'Routes never import each other.' }
const toNode: Wall = { regex: '^node:', message: 'Rung 1 runs where there is no Node.' }
const toMain: Wall = { regex: '/main\\.ts$', message: 'Nothing imports the composition root but cli/.' }

/** The files of rung 1 that lie among the service's own. */
const rung1 = 'api/{caller,cors,logout-event,logout-log,logout-request,mount-logout,problem}.ts'
const tests = ['**/*.test.ts', 'test/**/*.ts', 'trail/stores/conformance.ts']

function room(files: string[], patterns: Wall[]) {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] as ['error', object] } }
}

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'node', 'promise'],
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: ['dist/**'],
  rules: {
    'no-empty': ['error', { allowEmptyCatch: false }],
    'no-empty-function': 'error',
    eqeqeq: 'error',
    'max-params': ['error', { max: 3 }],
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
    'node/no-process-env': 'error',
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
    room(['trail/entry.ts'], [toClerk, toHttp, upwards, toSessionEnds, toNode]),
    room(['session-ends/**/*.ts'], [toClerk, toHttp, upwards, toStores]),
    room(['api/*.ts'], [toClerk, toClerkRoom, toStores, toMain]),
    room([rung1], [toClerk, toClerkRoom, toStores, toMain, toNode]),
    room(['api/config.ts'], [toClerk, toStores, toRoutes, toMain]),
    room(['api/main.ts'], [toClerk]),
    room(['api/routes/**/*.ts'], [toClerk, toClerkRoom, toStores, toApp, toSibling, toNode]),
    room(['api/clerk/**/*.ts'], [toStores, toRoutes, toApp, toNode]),
    room(['index.ts', 'hono.ts', 'next.ts'], [toClerk, toStores, toMain, toNode]),
    room(['cli/**/*.ts'], [toClerk, toClerkRoom]),
    {
      files: ['api/config.ts'],
      rules: { 'node/no-process-env': 'off' },
    },
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
    {
      files: tests,
      rules: {
        'no-restricted-imports': 'off',
        'node/no-process-env': 'off',
        // `describe` and `it` return promises that the runner awaits.
        'typescript/no-floating-promises': [
          'error',
          {
            ignoreVoid: false,
            allowForKnownSafeCalls: [
              { from: 'package', package: 'node:test', name: ['describe', 'it', 'test', 'before', 'after'] },
            ],
          },
        ],
      },
    },
  ],
})
