import { existsSync } from 'node:fs'

/** Reads `.env` of the working directory, if there is one; what the environment has already set stays. */
export function loadEnvFile(): void {
  if (!existsSync('.env')) return
  try {
    process.loadEnvFile('.env')
  } catch (error) {
    console.error(`.env cannot be read (${error instanceof Error ? error.message : String(error)}).`)
    process.exit(1)
  }
}
