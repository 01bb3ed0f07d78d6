import type { Metadata } from 'next'
import type { ReactNode } from 'react'
import { ClerkProvider } from '@clerk/nextjs'
import { isStandIn } from '../clerk-environment'
import './style.css'

export const metadata: Metadata = {
  title: 'Logout Trail, in a Next.js app',
  icons: { icon: 'data:,' },
}

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <ClerkProvider>
      <html lang="en">
        <body>
          {isStandIn && (
            <header className="notice">
              <strong>Demo.</strong> Sign-ins here are played by a stand-in on this machine. It is not Clerk.
            </header>
          )}
          {children}
        </body>
      </html>
    </ClerkProvider>
  )
}
