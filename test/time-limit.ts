/**
 * Loaded before each test file. One that does not end (a failed test left a thread or a server behind) fails by itself
 * and names what is open, instead of holding up all that come after it.
 */
import { isMainThread } from 'node:worker_threads'

const MINUTES = 6

/** The runner itself lives longer. */
const isTestFile = process.env['NODE_TEST_CONTEXT'] !== undefined

if (isTestFile && isMainThread)
  setTimeout(() => {
    const open = [...new Set(process.getActiveResourcesInfo())].join(', ')
    console.error(`${process.argv[1]} did not end within ${MINUTES} minutes; still open: ${open}.`)
    process.exit(1)
    // It must not be what keeps the file running.
  }, MINUTES * 60_000).unref()
