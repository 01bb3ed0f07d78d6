import { main } from '../api/main.ts'
import { commandOf } from './command.ts'

export const startCommand = commandOf({
  name: 'start',
  summary: 'Start the service.',
  more: 'Settings are variables of the environment or of .env. Without any variable of Clerk it runs in development mode, on this machine only. SIGTERM ends it once everything is recorded.',
  args: {},
  hint: 'start takes no arguments; set variables such as PORT (.env.example explains each).',
  exitCodes: {
    0: 'It was stopped, and everything is recorded.',
    1: 'It could not start, or something could not be recorded; the last lines say why.',
  },
  examples: [
    {
      line: 'logout-trail start',
      does: 'Development mode: a throw-away key, and a trail in data/dev-trail.db.',
    },
    {
      line: 'CLERK_PUBLISHABLE_KEY=pk_live_… logout-trail start',
      does: 'For the Clerk instance of that key, with the trail in data/trail.db.',
    },
  ],
  run: main,
})
