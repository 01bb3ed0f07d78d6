import { inPostgres } from '../test/views-postgres.ts'
import { describeSessionLists } from './session-list.conformance.ts'

describeSessionLists(inPostgres)
