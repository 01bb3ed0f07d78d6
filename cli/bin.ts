#!/usr/bin/env node
/** Looks at Node's version before anything is loaded that an old one does not have. */

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

const supported = (major === 22 && minor >= 18) || (major === 24 && minor >= 11) || major >= 26

if (supported) {
  await import('./main.ts')
} else {
  console.error(`logout-trail needs Node 22.18, 24.11, 26 or newer; this is Node ${process.versions.node}.`)
  process.exitCode = 1
}
