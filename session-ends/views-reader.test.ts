import { inSqlite } from '../test/views.ts'
import { describeViewsReader } from './views-reader.conformance.ts'

describeViewsReader(inSqlite)
