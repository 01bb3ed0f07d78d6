import { auth } from '@clerk/nextjs/server'
import Link from 'next/link'
import { Accounts } from './accounts'
import { LogOut } from './log-out'
import { ways, type Way } from './ways'
import { You } from './you'

interface Props {
  searchParams: Promise<{ way?: string }>
}

export default async function Home({ searchParams }: Props) {
  const { userId, sessionId } = await auth()
  const { way: asked } = await searchParams
  const way: Way = ways.find(({ name }) => name === asked) ?? ways[0]
  return (
    <main>
      <h1>You are signed in</h1>
      <You userId={userId} sessionId={sessionId} />

      <section aria-labelledby="way">
        <h2 id="way">Log out</h2>
        <p>The button signs you out at Clerk. How is the backend told?</p>
        <nav aria-label="How the backend is told" className="ways">
          {ways.map(({ name, title, text }) => (
            <Link
              key={name}
              href={`/?way=${name}`}
              aria-current={name === way.name ? 'true' : undefined}
              replace
              scroll={false}
            >
              <strong>{title}</strong>
              <span>{text}</span>
            </Link>
          ))}
        </nav>
        <LogOut endpoint={way.endpoint} />
        <p className="hint">{way.afterwards}</p>
      </section>

      <Accounts endpoint={way.endpoint} />
    </main>
  )
}
