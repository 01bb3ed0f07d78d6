/**
 * The HTTP contract: the shapes of what is sent and answered. The front ends know the service by these types alone; what
 * OpenAPI says of each operation stands in `operations.ts`.
 */
import { z } from 'zod'
import { intents } from '../trail/entry.ts'
import { problemStatus, type ProblemCode } from './problem.ts'

export const LogoutAnswer = z
  .object({ success: z.literal(true), message: z.literal('Logged out successfully') })
  .meta({ ref: 'LogoutAnswer' })

export const Problem = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'One sentence that says what to do.' }),
    code: z
      .enum(Object.keys(problemStatus) as [ProblemCode, ...ProblemCode[]])
      .meta({ description: 'Stable: the one to branch on.' }),
  })
  .meta({ ref: 'Problem', description: 'Problem details, RFC 9457.' })

/** What a click meant; the query `intent`. */
export const LogoutIntent = z.enum(intents)
export type LogoutIntent = z.infer<typeof LogoutIntent>

export const Alive = z.object({ status: z.literal('alive') }).meta({ ref: 'Alive' })

export const Ready = z.object({ status: z.literal('ready') }).meta({ ref: 'Ready' })
