import { inPostgres } from '../test/views-postgres.ts'
import { describeAnalytics } from './analytics.conformance.ts'

describeAnalytics(inPostgres)
