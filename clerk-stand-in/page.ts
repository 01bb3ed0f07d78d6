/** The page of the stand-in: what it is, whom it knows, what it sent, and a few buttons. */
import { Hono } from 'hono'
import { html, raw } from 'hono/html'
import { NOTICE } from './controls.ts'
import type { StandInParts } from './parts.ts'
import { isActive, type Session } from './world.ts'

const SHOWN = 50

export function page(parts: StandInParts): Hono {
  const app = new Hono()
  app.get('/', (c) => c.html(pageOf(parts)))
  return app
}

function pageOf({ world, webhooks, clock, fires }: StandInParts) {
  const sessions = [...world.sessions.keys()].flatMap((id) => world.session(id) ?? []).toReversed()
  const deliveries = webhooks.deliveries.toReversed()
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Not Clerk: a local stand-in</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>This is not Clerk</h1>
          <p>${NOTICE} It answers on this machine only, so that the demo and the tests need none.</p>
        </header>
        <main>
          <section>
            <h2>People</h2>
            ${world.users.size === 0 ? html`<p>Nobody is known yet: <code>POST /stand-in/users</code>.</p>` : ''}
            <ul>
              ${[...world.users.values()].map(
                (user) =>
                  html`<li>
                    <b>${user.firstName} ${user.lastName}</b> <code>${user.id}</code>
                    ${user.organisations.map(({ name }) => html` · ${name}`)}${user.banned ? ' · banned' : ''}
                    <button data-post="/stand-in/users/${user.id}" data-body='{"action":"ban"}'>Ban</button>
                    <button data-post="/stand-in/users/${user.id}" data-body='{"action":"delete"}'>
                      Delete
                    </button>
                  </li>`,
              )}
            </ul>
          </section>
          <section>
            <h2>Sessions</h2>
            ${sessions.length === 0 ? html`<p>None yet: sign in to the app.</p>` : ''}
            ${sessions.length > SHOWN ? html`<p>The newest ${SHOWN} of ${sessions.length}.</p>` : ''}
            <ul>
              ${sessions.slice(0, SHOWN).map(sessionItem)}
            </ul>
          </section>
          <section>
            <h2>Webhooks</h2>
            <p>
              ${webhooks.url ? html`Sent to <code>${webhooks.url}</code>.` : 'Nobody receives them.'} Which
              action sends which is a setting, because Clerk documents no table of it.
            </p>
            <ul>
              ${deliveries.slice(0, SHOWN).map(
                ({ id, type, state, attempts }) =>
                  html`<li>
                    <b>${type}</b> ${state} ${attempts.map(({ result }) => html`<code>${result}</code> `)}
                    <button data-post="/stand-in/webhooks/${id}/replay" data-body="{}">Send again</button>
                  </li>`,
              )}
            </ul>
            <details>
              <summary>What each action sends (assumed)</summary>
              <ul>
                ${Object.entries(fires).map(
                  ([action, types]) => html`<li>${action}: ${types.join(', ') || 'nothing'}</li>`,
                )}
              </ul>
            </details>
          </section>
          <section>
            <h2>Time</h2>
            <p>Here it is <time>${new Date(clock.now()).toISOString()}</time>.</p>
            <button data-post="/stand-in/clock" data-body='{"advance_ms":86400000}'>Let a day pass</button>
            <button data-post="/stand-in/clock" data-body='{"advance_ms":691200000}'>
              Let eight days pass: sessions expire
            </button>
          </section>
        </main>
        <script>
          ${raw(SCRIPT)}
        </script>
      </body>
    </html>`
}

function sessionItem(session: Session) {
  const path = `/stand-in/sessions/${session.id}`
  return html`<li>
    <b>${session.status}</b> <code>${session.id}</code> of <code>${session.userId}</code>,
    ${session.device.browser}
    ${
      isActive(session)
        ? html`<button data-post="${path}" data-body='{"action":"revoke"}'>Revoke</button>
            <button data-post="${path}" data-body='{"action":"end"}'>End elsewhere</button>`
        : ''
    }
  </li>`
}

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { max-width: 60rem; margin: 0 auto; padding: 1.5rem }
  header { border-left: .4rem solid #c2410c; padding-left: 1rem }
  h1 { margin: 0 } h2 { margin: 2rem 0 .5rem }
  ul { padding: 0; list-style: none } li { padding: .4rem 0; border-top: 1px solid color-mix(in srgb, currentColor 15%, transparent) }
  code { font-size: .85em; overflow-wrap: anywhere } button { font: inherit; padding: .15rem .6rem; margin: .1rem }
`
const SCRIPT = `
  addEventListener('click', async ({ target }) => {
    const { post, body } = target.dataset
    if (!post) return
    target.disabled = true
    await fetch(post, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    location.reload()
  })
`
