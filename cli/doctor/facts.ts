/** The observations with the consumer's answers read: what every check is a function of. Pure. */
import { z } from 'zod'
import { type Exposition, ExpositionError, parseExposition } from './exposition.ts'
import type { Observations } from './observations.ts'
import { jsonOf, readValue } from './prometheusApi.ts'

export interface Facts extends Observations {
  /** Null where /metrics did not answer with any. */
  readonly exposition: Exposition | null
  /** What is wrong with the text of /metrics; null where nothing is, or where there is none. */
  readonly expositionFault: string | null
  readonly status: SeenStatus | null
  /** Over the windows of the alerts, by Prometheus; undefined is not known, null is nothing to measure. */
  readonly windowed: {
    readonly processingLatencyP95?: number | null
    readonly failedCheckpoints?: number | null
    readonly invalidRatio?: number | null
  }
}

/** What the checks read of `/status`; another version may say more or less. */
const seenStatus = z.object({
  version: z.string(),
  startedAt: z.iso.datetime(),
  epoch: z.number(),
  halt: z.object({ code: z.string(), message: z.string(), fix: z.string() }).nullable(),
  trouble: z.object({ code: z.string(), message: z.string(), since: z.iso.datetime() }).nullable().default(null),
  partitions: z.array(z.object({ topic: z.string(), partition: z.number(), lag: z.number().nullable() })),
  tables: z.object({
    raw: z.object({ lastCommitAt: z.iso.datetime().nullable() }),
    errors: z.object({ lastCommitAt: z.iso.datetime().nullable() }),
  }),
  pendingErrorIntents: z.number(),
  invalidRatio: z.number().nullable(),
  logging: z.object({ level: z.string(), formatter: z.string(), file: z.string().nullable().default(null) }),
})
export type SeenStatus = z.infer<typeof seenStatus>

export function factsOf(observations: Observations): Facts {
  const { consumer, prometheus } = observations
  const status = consumer?.status.reached && consumer.status.status === 200 ? jsonOf(consumer.status.body) : undefined
  const queries = prometheus?.queries
  return {
    ...observations,
    ...readMetrics(observations),
    status: seenStatus.safeParse(status).data ?? null,
    windowed: {
      processingLatencyP95: queries && readValue(queries.processingLatencyP95),
      failedCheckpoints: queries && readValue(queries.failedCheckpoints),
      invalidRatio: queries && readValue(queries.invalidRatio),
    },
  }
}

function readMetrics({ consumer }: Observations): Pick<Facts, 'exposition' | 'expositionFault'> {
  if (!consumer?.metrics.reached || consumer.metrics.status !== 200) return { exposition: null, expositionFault: null }
  try {
    return { exposition: parseExposition(consumer.metrics.body), expositionFault: null }
  } catch (error) {
    if (!(error instanceof ExpositionError)) throw error
    return { exposition: null, expositionFault: error.message }
  }
}

/** Why the checks that read a running consumer are skipped. */
export const withoutConsumer = ({ consumer }: Observations): string =>
  consumer === null ? 'not asked for: add --url of a running consumer' : 'no consumer answers'
