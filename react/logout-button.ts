/** The button that logs out. */
import {
  cloneElement,
  createElement,
  forwardRef,
  Fragment,
  isValidElement,
  useId,
  type ComponentPropsWithoutRef,
  type ForwardedRef,
  type MouseEvent,
  type ReactElement,
  type ReactNode,
} from 'react'
import type { ClerkBrowser } from './clerk-browser.ts'
import type { LogoutState } from './logout.ts'
import { useLogout, type UseLogoutOptions } from './use-logout.ts'

/** What the button says. */
export interface LogoutLabels {
  /** Default: `Log out`. This, `pending` and `retry` are shown when there are no children. */
  idle?: string | undefined
  /** Default: `Logging out…` */
  pending?: string | undefined
  /** After an error. Default: `Try again`. */
  retry?: string | undefined
  /** Beside the button, and read out, when Clerk failed. An empty text shows nothing. */
  failed?: string | undefined
  /** The same, when Clerk has not answered in 5 seconds. */
  noAnswer?: string | undefined
}

export interface LogoutButtonProps extends UseLogoutOptions, Omit<ButtonAttributes, 'onError'> {
  labels?: LogoutLabels | undefined
  /** Makes the one component in it the button, as Clerk's own does. A plain `<button>` in it is that without being told. */
  asChild?: boolean | undefined
}

type ButtonAttributes = ComponentPropsWithoutRef<'button'>

/**
 * A real `<button type="button">` without any style. `aria-busy` while Clerk is asked, and never disabled, so that it
 * keeps the focus; an error stands beside it as `role="alert"`. Its own `onClick` is called first, is not awaited, and
 * keeps the logout from happening with `preventDefault()`. A `ref` given here replaces that of a child.
 *
 * Put it outside what hides with the user, such as Clerk's `<Show when="signed-in">`: that takes it away at the click, and
 * for good, message and retry too, when Clerk fails.
 * @throws {TypeError} with `asChild` and without exactly one element in it.
 */
export const LogoutButton = forwardRef(function LogoutButton(
  { labels, asChild, children, ...props }: LogoutButtonProps & { clerk: ClerkBrowser },
  ref: ForwardedRef<HTMLButtonElement>,
) {
  const { clerk, endpoint, scope, intent = 'user', redirectUrl, onError, onClick, ...given } = props
  const { logout, reset: _, ...state } = useLogout({ clerk, endpoint, scope, intent, redirectUrl, onError })
  const errorId = useId()
  const { label, message } = words(labels, state)
  const child = buttonIn(children, asChild)
  const own = { ...given, ...child?.props }
  const attributes = {
    type: 'button' as const,
    ...own,
    className: joined([given.className, child?.props.className]),
    style: { ...given.style, ...child?.props.style },
    'aria-busy': state.status === 'pending' || undefined,
    'aria-describedby': joined([own['aria-describedby'], message && errorId]),
    'data-state': state.status,
    ...(ref ? { ref } : {}),
    onClick: (event: MouseEvent<HTMLButtonElement>) => {
      // Also when they throw: nothing stops a logout but its own `preventDefault()`.
      try {
        child?.props.onClick?.(event)
        onClick?.(event)
      } finally {
        if (!event.defaultPrevented) logout()
        // A link that is the button leads nowhere.
        if (event.currentTarget.tagName === 'A') event.preventDefault()
      }
    },
  }
  return createElement(
    Fragment,
    null,
    child ? cloneElement(child, attributes) : createElement('button', attributes, children ?? label),
    message && createElement('span', { id: errorId, role: 'alert' }, message),
  )
})

/** The element among the children that is to be the button. */
function buttonIn(
  children: ReactNode,
  asChild: boolean | undefined,
): ReactElement<ButtonAttributes> | undefined {
  const element = isValidElement<ButtonAttributes>(children) ? children : undefined
  if (asChild && (!element || element.type === Fragment)) {
    throw new TypeError('LogoutButton with asChild needs exactly one element in it, and no fragment.')
  }
  return asChild || element?.type === 'button' ? element : undefined
}

function joined(words: (string | null | undefined)[]): string | undefined {
  return words.filter(Boolean).join(' ') || undefined
}

function words(labels: LogoutLabels = {}, { status, error }: LogoutState) {
  const { idle = 'Log out', pending = 'Logging out…', retry = 'Try again' } = labels
  const {
    failed = 'Logging out failed. You may still be signed in: try again.',
    noAnswer = 'There is no answer yet. You may still be signed in: try again.',
  } = labels
  return {
    label: { idle, pending, error: retry }[status],
    message: error && { 'sign-out-failed': failed, 'no-answer': noAnswer }[error.code],
  }
}
