import { inPostgres } from '../test/views-postgres.ts'
import { describeViewsReader } from './views-reader.conformance.ts'

describeViewsReader(inPostgres)
