/** Waits until a consumer has in its tables all that was sent. */
import { until } from '../until.ts'
import type { Feed } from './feed.ts'
import type { Runtime } from './runtimes.ts'

/** The runtime holds every partition, and nothing is pending. */
export async function allDurable(runtime: Runtime, feed: Feed, seconds = 30): Promise<void> {
  await until(
    `${feed.records} records to be durable`,
    async () => {
      const status = await runtime.status()
      if (status === undefined || status.pendingErrorIntents > 0) return false
      return status.partitions.reduce((sum, { committed }) => sum + committed, 0) === feed.records
    },
    seconds,
  )
}
