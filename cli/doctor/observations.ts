/**
 * What doctor gathers before anything is judged. Types only. Null is not asked for.
 */
import type { z } from 'zod'
import type { AlertName, thresholds } from '../../crds/monitoring.ts'
import type { Inspection } from '../../runtime/contract/inspection.ts'
import type { Answer } from './request.ts'
import type { Watched } from './watched.ts'

export interface Observations extends Watched {
  /** Milliseconds since the epoch, when it was gathered. */
  readonly nowMs: number
  readonly thresholds: z.infer<typeof thresholds>
  readonly disabledAlerts: readonly AlertName[]
  readonly consumer: ConsumerSeen | null
  readonly manifest: ManifestSeen | null
  readonly logFile: LogFileSeen | null
  readonly prometheus: PrometheusSeen | null
  readonly alertmanager: Answer | null
  readonly grafana: GrafanaSeen | null
}

/** The answers of a consumer's telemetry server. */
export interface ConsumerSeen {
  /** Base address, without secrets. */
  readonly url: string
  readonly metrics: Answer
  readonly live: Answer
  readonly ready: Answer
  readonly status: Answer
}

export interface ManifestSeen {
  readonly file: string
  readonly bootstrapServers: readonly string[]
  readonly topics: readonly string[]
  /** Whether the manifest names any Secret. */
  readonly needsCredentials: boolean
  readonly credentials: Trouble | null
  readonly inspection: Inspection | { readonly unreadable: string }
  /** Path of the local folder that holds the tables; null where S3 does, or a catalog decides. */
  readonly warehouse: string | null
  /** Those that this user may not write to, although a run would. */
  readonly refusedFolders: readonly FolderSeen[]
}

export interface Trouble {
  readonly what: string
  readonly fix: string
}

export interface FolderSeen {
  readonly path: string
  /** Errno code. */
  readonly refused: string
}

export type LogFileSeen =
  | { readonly path: string; readonly unreadable: string }
  | {
      readonly path: string
      readonly unreadable: null
      /** The newest whole lines. They are judged, never told. */
      readonly lines: readonly string[]
      /** Port of the newest start line; null where there is none. */
      readonly startedOnPort: number | null
    }

/** Answers of Prometheus' HTTP API v1; `queries` are instant ones. */
export interface PrometheusSeen {
  readonly url: string
  readonly targets: Answer
  readonly rules: Answer
  readonly alertmanagers: Answer
  readonly queries: Readonly<Record<QueryName, Answer>>
}

export const queryNames = ['sampleAgeSeconds', 'processingLatencyP95', 'failedCheckpoints', 'invalidRatio'] as const
export type QueryName = (typeof queryNames)[number]

export interface GrafanaSeen {
  readonly url: string
  /** Whether a token was sent. */
  readonly authenticated: boolean
  readonly byUid: Answer
  readonly byTitle: Answer
}
