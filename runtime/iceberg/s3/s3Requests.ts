/**
 * Sends requests to S3, each with a time limit, and again where that can help: bounded in number and in time, with full
 * jitter, never sooner than the server asks. Every request of the storage is safe to repeat, for creating is
 * conditional. It never judges an answer: whoever creates finds out whether a file that exists is its own.
 *
 * Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ ("Full Jitter").
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { StorageError, type StorageErrorCode } from '../storage.ts'
import type { S3Clients } from './s3Clients.ts'
import { type Failure, failureOf, storageErrorOf } from './s3Failure.ts'

const actions = {
  GetObject: 'read the file',
  PutObject: 'write the file',
  DeleteObject: 'delete the file',
  DeleteObjects: 'delete files',
  ListObjectsV2: 'list the folder',
  CreateMultipartUpload: 'begin to write the file',
  UploadPart: 'write a part of the file',
  CompleteMultipartUpload: 'finish the file',
  AbortMultipartUpload: 'remove the parts of the file',
} as const
/** As S3 names it. */
export type S3Operation = keyof typeof actions

/** Told of each request, repeated ones too. */
export type S3Observer = (operation: S3Operation, outcome: 'OK' | StorageErrorCode, ms: number) => void

export interface RequestLimits {
  /** Of one request with its answer. */
  readonly requestTimeoutMs: number
  readonly attempts: number
  /** No attempt begins later than this after the first. */
  readonly totalMs: number
  /** The longest wait before the second attempt; it doubles up to `maxWaitMs`. */
  readonly firstWaitMs: number
  readonly maxWaitMs: number
}

/** `send` is called anew for each attempt, with what ends it at its time limit. */
export type S3Request = <Answer>(
  operation: S3Operation,
  location: string,
  send: (client: S3Client, options: { readonly abortSignal: AbortSignal }) => Promise<Answer>,
) => Promise<Answer>

/** Requests that reject with StorageError. */
export function s3Requests(clients: S3Clients, limits: RequestLimits, observer?: S3Observer): S3Request {
  const waitMs = (attempt: number): number =>
    Math.random() * Math.min(limits.maxWaitMs, limits.firstWaitMs * 2 ** (attempt - 1))

  return async (operation, location, send) => {
    const startMs = performance.now()
    const failed = (failure: Failure): StorageError => storageErrorOf(location, actions[operation], failure)
    let renewed = false
    for (let attempt = 1; ; attempt++) {
      const attemptMs = performance.now()
      const observed = (outcome: 'OK' | StorageErrorCode): void =>
        observer?.(operation, outcome, performance.now() - attemptMs)
      let client: S3Client | undefined
      try {
        client = await clients.of(location)
        const answer = await send(client, { abortSignal: AbortSignal.timeout(limits.requestTimeoutMs) })
        observed('OK')
        return answer
      } catch (error) {
        if (error instanceof StorageError) throw error
        const failure = failureOf(error, Date.now())
        observed(failure.code)
        if (failure.retry === 'never' || attempt >= limits.attempts) throw failed(failure)
        if (failure.retry === 'renewed') {
          // Once: what is refused again is wrong wherever it came from.
          if (renewed || client === undefined || !(await clients.renew(location, client).catch(() => false)))
            throw failed(failure)
          renewed = true
          continue
        }
        const wait = Math.max(waitMs(attempt), failure.retryAfterMs)
        if (performance.now() - startMs + wait > limits.totalMs) throw failed(failure)
        await sleep(wait)
      }
    }
  }
}
