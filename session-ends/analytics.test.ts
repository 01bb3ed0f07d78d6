import { inSqlite } from '../test/views.ts'
import { describeAnalytics } from './analytics.conformance.ts'

describeAnalytics(inSqlite)
