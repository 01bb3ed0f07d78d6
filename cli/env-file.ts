import { existsSync } from 'node:fs'
import { messageOf } from '../trail/error.ts'

/** Reads `.env` of the working directory, if there is one; what the environment has already set stays. */
export function loadEnvFile(): void {
  if (!existsSync('.env')) return
  try {
    process.loadEnvFile('.env')
  } catch (error) {
    console.error(`.env cannot be read (${messageOf(error)}).`)
    process.exit(1)
  }
}
