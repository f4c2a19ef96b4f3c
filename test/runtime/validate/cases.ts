/** A valid payload and ways to change it, for the validation tests. */
import type { Envelope } from '../../../runtime/contract/decoder.ts'

export type Fields = Readonly<Record<string, unknown>>

export const validEnvelope: Envelope = {
  deviceId: 'device-1',
  userId: 'user-1',
  samples: [],
  timestamp: '2024-05-01T10:20:00Z',
  appVersion: '1.2.3',
}

export const validSample: Fields = {
  id: 'sample-1',
  type: 'heartRate',
  value: 72.5,
  unit: 'count/min',
  startDate: '2024-05-01T10:00:00.123456Z',
  endDate: '2024-05-01T10:01:00+00:00',
  sourceBundle: 'com.apple.health',
  metadata: { device: 'Watch' },
  isSynced: true,
  createdAt: '2024-05-01T10:02:00Z',
  timezone: 'Europe/Berlin',
  timezoneOffset: 120,
}

/** Fields of both; undefined takes a field away. */
export function changed<T extends object>(original: T, change: Fields): T {
  return Object.fromEntries(Object.entries({ ...original, ...change }).filter(([, value]) => value !== undefined)) as T
}
