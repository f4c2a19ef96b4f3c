/** Rates over the newest minute, from counts that only grow. Takes its clock; samples when asked and on `tick`. */
import type { RateStatus } from './contract/status.ts'

export interface Counts {
  readonly records: number
  readonly valid: number
  readonly invalid: number
}

interface Sample extends Counts {
  readonly atMs: number
}

const windowMs = 60_000

export interface Rates {
  /** To be called now and then, so that there is a sample about a minute old. */
  tick(): void
  perSecond(): RateStatus
}

export function createRates(counts: () => Counts, now: () => number): Rates {
  const samples: Sample[] = []
  function tick(): void {
    const atMs = now()
    samples.push({ ...counts(), atMs })
    while (samples.length > 1 && samples[1]!.atMs <= atMs - windowMs) samples.shift()
  }
  tick()
  return {
    tick,
    perSecond() {
      const oldest = samples[0]!
      const newest = counts()
      const seconds = Math.max(1, (now() - oldest.atMs) / 1000)
      const rate = (count: keyof Counts) => (newest[count] - oldest[count]) / seconds
      return { kafkaRecords: rate('records'), validRows: rate('valid'), invalidRows: rate('invalid') }
    },
  }
}
