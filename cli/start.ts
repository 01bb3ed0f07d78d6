import { defineCommand } from 'citty'
import { main } from '../api/main.ts'

export const startCommand = defineCommand({
  meta: {
    name: 'start',
    description:
      'Start the service. Without any variable of Clerk it runs in development mode, on this machine only.',
  },
  run: () => main(),
})
