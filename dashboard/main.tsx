/** The dashboard begins here: a key in the fragment is taken, and gone from the address before anything is drawn. */
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { takeKeyFromAddress } from './reader.ts'
import { applyTheme } from './theme.ts'

const key = takeKeyFromAddress()
applyTheme()
const container = document.getElementById('app')
if (container) createRoot(container).render(<App firstKey={key} />)
