/**
 * The port between decoding and validation: what a record's bytes hold, in whatever format they came. Types only.
 * Implemented by decode/jsonDecoder.ts; the classifier takes it as a parameter, so that the two steps never import one
 * another.
 */
import type { DeserializationReason } from './reasons.ts'

/** A payload, decoded but not checked: every member may be missing or of any type. A sample may be anything at all. */
export interface Envelope {
  readonly deviceId?: unknown
  readonly userId?: unknown
  readonly timestamp?: unknown
  readonly appVersion?: unknown
  readonly samples: readonly unknown[]
}

/** `envelope` is what could still be read of a payload without usable samples, for the ids in its error row. */
export type Decoded =
  | { readonly envelope: Envelope; readonly reason: null }
  | { readonly envelope: Omit<Envelope, 'samples'> | null; readonly reason: DeserializationReason }

/** The own bytes of a record's samples, for error rows. */
export interface SamplePayloads {
  /** A payload of its own: the envelope's scalar fields, and `samples` holding this one. `index` counts from 0. */
  payload(index: number): Buffer
}

export interface Decoder {
  /** Never throws for what a record holds. */
  decode(value: Buffer): Decoded
  /** Only for a value that `decode` took, and only where a sample failed: it reads the record a second time. */
  samplePayloads(value: Buffer): SamplePayloads
}
