// Loaded first by `npm start` and `npm test`: plain JavaScript, so that an old Node can read it and say why it stops.
const major = Number(process.versions.node.split('.')[0])
if (major < 26) {
  console.error(
    `This repository runs its TypeScript directly and needs Node 26; this is Node ${process.versions.node}. ` +
      'Run it through npm (`npm start`, `npm test`): `npm ci` installs Node 26 as the package "node". ' +
      'If you see this under npm, install scripts were off: run `npm ci` without --ignore-scripts.',
  )
  process.exit(1)
}
