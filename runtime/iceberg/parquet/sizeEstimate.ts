/**
 * Bytes that gathered rows take, counted as they arrive by the columns whose values vary in length. A running estimate:
 * arrays grow by doubling, so what is allocated is up to twice as much.
 */
export interface SizeEstimate {
  bytes: number
}
