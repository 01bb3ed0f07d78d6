/** Letters are for fields while one is typing. */
export function isTyping({ target, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  if (ctrlKey || metaKey || altKey) return true
  return target instanceof Element && target.matches('input:not([type=radio]), select, textarea')
}
