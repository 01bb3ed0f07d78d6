import { existsSync } from 'node:fs'

/** Reads `.env` of the working directory, if there is one; what the environment has already set stays. */
export function loadEnvFile(): void {
  if (existsSync('.env')) process.loadEnvFile('.env')
}
