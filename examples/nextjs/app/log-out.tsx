'use client'
import { LogoutButton } from 'logout-trail/react/nextjs'

export function LogOut({ endpoint }: { endpoint: string | false }) {
  return <LogoutButton className="primary" endpoint={endpoint} />
}
