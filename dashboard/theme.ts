/** Light, dark, or as the system is. The choice is all that is ever kept in this browser. */

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const NAME = 'logout-trail-theme'

export function chosenTheme(): Theme {
  const kept = storage()?.getItem(NAME)
  return themes.find((theme) => theme === kept) ?? 'system'
}

export function chooseTheme(theme: Theme): void {
  storage()?.setItem(NAME, theme)
  document.documentElement.dataset['theme'] = theme
}

/** Null in a browser that may keep nothing. */
function storage(): Storage | null {
  try {
    return localStorage
  } catch (error) {
    if (error instanceof DOMException) return null
    throw error
  }
}

export function applyTheme(): void {
  document.documentElement.dataset['theme'] = chosenTheme()
}
