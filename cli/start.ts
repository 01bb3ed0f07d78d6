import { defineCommand } from 'citty'
import { main } from '../api/main.ts'
import { runStrictly } from './strict.ts'

const known = {
  options: [],
  positionals: 0,
  hint: 'start takes no arguments; set variables such as PORT (.env.example explains each).',
}

export const startCommand = defineCommand({
  meta: {
    name: 'start',
    description:
      'Start the service. Without any variable of Clerk it runs in development mode, on this machine only.',
  },
  run: ({ args }) => runStrictly(args, known, main),
})
