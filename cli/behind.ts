/** Says, beside the answer, that the records do not know all of the trail: `behind` entries are not in them. */
export function sayBehind(behind: number): void {
  if (behind <= 0) return
  const what = behind === 1 ? '1 entry is' : `${behind} entries are`
  console.error(
    `${what} not in the records yet; the running service adds them, or rebuild while it is stopped.`,
  )
}
