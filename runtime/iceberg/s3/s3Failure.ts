/**
 * What a failed request to S3 means: the code of the storage port, whether another attempt can help, and what to do.
 * It never shows what a server wrote but its error code: an answer may quote signatures, and a key's owner.
 *
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
import { StorageError, type StorageErrorCode } from '../storage.ts'

/** `renewed`: at once, where other credentials are there by then than those refused. */
export type Retry = 'never' | 'later' | 'renewed'

export interface Failure {
  readonly code: StorageErrorCode
  /** The error code of the server, else of the system, with the HTTP status. */
  readonly called: string
  readonly fix: string
  readonly retry: Retry
  /** The least wait that the server asks for; 0 without. */
  readonly retryAfterMs: number
  /** Without what the SDK hangs on its errors: the answer, and what was signed. */
  readonly cause: Error
}

type Meaning = Pick<Failure, 'code' | 'fix' | 'retry'>

const absent: Meaning = { code: 'NOT_FOUND', fix: 'there is none', retry: 'never' }
const noBucket: Meaning = {
  code: 'UNAVAILABLE',
  fix: 'there is no such bucket: create it, or correct the location or the endpoint',
  retry: 'never',
}
const denied: Meaning = {
  code: 'DENIED',
  fix: 'allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload below the warehouse and s3:ListBucket, without which a missing file looks forbidden',
  retry: 'never',
}
const invalidCredentials: Meaning = {
  code: 'DENIED',
  fix: 'the credentials are wrong or expired: correct the Secret, or the identity of the pod',
  retry: 'renewed',
}
const noCredentials: Meaning = {
  code: 'DENIED',
  fix: 'there are no credentials: name a Secret in spec.iceberg.storage.s3.secretRef, or give the pod an identity',
  retry: 'later',
}
const full: Meaning = { code: 'NO_SPACE', fix: 'raise the quota or free space', retry: 'never' }
const exists: Meaning = { code: 'EXISTS', fix: 'another writer was first', retry: 'never' }
const busy: Meaning = { code: 'UNAVAILABLE', fix: 'the server is busy or failing: see its state', retry: 'later' }
const damaged: Meaning = {
  code: 'UNAVAILABLE',
  fix: 'the file was damaged on its way: check the network',
  retry: 'later',
}
const clock: Meaning = { code: 'DENIED', fix: 'set the clock of this machine', retry: 'later' }
const unsupported: Meaning = { code: 'UNAVAILABLE', fix: 'the server does not support this request', retry: 'never' }
const elsewhere: Meaning = {
  code: 'UNAVAILABLE',
  fix: 'the bucket is in another region: set spec.iceberg.storage.s3.region',
  retry: 'never',
}
const encryption: Meaning = {
  code: 'DENIED',
  fix: 'the key of the encryption cannot be used: check spec.iceberg.storage.s3.serverSideEncryption and the policy of the key',
  retry: 'never',
}
const noUpload: Meaning = {
  code: 'NOT_FOUND',
  fix: 'the upload is over: finished before, or removed by a lifecycle rule or another program',
  retry: 'never',
}
const archived: Meaning = { code: 'UNAVAILABLE', fix: 'the file was archived: restore it', retry: 'never' }
const unreachable: Meaning = {
  code: 'UNAVAILABLE',
  fix: 'no whole answer: check spec.iceberg.storage.s3.endpoint and the network',
  retry: 'later',
}
const foreign: Meaning = {
  code: 'UNAVAILABLE',
  fix: 'check that spec.iceberg.storage.s3.endpoint is an S3 service, and its region and pathStyle',
  retry: 'never',
}

const meanings: Readonly<Record<string, Meaning>> = {
  NoSuchKey: absent,
  NoSuchUpload: noUpload,
  NoSuchBucket: noBucket,
  InvalidBucketName: noBucket,
  AccessDenied: denied,
  AllAccessDisabled: denied,
  InvalidAccessKeyId: invalidCredentials,
  SignatureDoesNotMatch: invalidCredentials,
  ExpiredToken: invalidCredentials,
  ExpiredTokenException: invalidCredentials,
  InvalidToken: invalidCredentials,
  TokenRefreshRequired: invalidCredentials,
  InvalidIdentityToken: invalidCredentials,
  InvalidIdentityTokenException: invalidCredentials,
  // InvalidAccessKeyId, as versitygw says it.
  XAdminUserNotFound: invalidCredentials,
  CredentialsProviderError: noCredentials,
  QuotaExceeded: full,
  InsufficientStorage: full,
  XMinioStorageFull: full,
  XMinioAdminBucketQuotaExceeded: full,
  PreconditionFailed: exists,
  BadDigest: damaged,
  IncompleteBody: damaged,
  XAmzContentSHA256Mismatch: damaged,
  RequestTimeout: damaged,
  RequestTimeTooSkewed: clock,
  SlowDown: busy,
  Throttling: busy,
  ThrottlingException: busy,
  // Another conditional request for the same key was under way: whether it won is not known yet.
  ConditionalRequestConflict: busy,
  OperationAborted: busy,
  NotImplemented: unsupported,
  MethodNotAllowed: unsupported,
  PermanentRedirect: elsewhere,
  AuthorizationHeaderMalformed: elsewhere,
  IllegalLocationConstraintException: elsewhere,
  InvalidObjectState: archived,
}

/** A status of 404 alone is no missing file: a proxy, or a server for another purpose, answers so too. */
function meaningOf(called: string, status: number | undefined): Meaning {
  const known = Object.hasOwn(meanings, called) ? meanings[called] : undefined
  if (known !== undefined) return known
  if (called.startsWith('KMS.')) return encryption
  if (status === undefined || status < 200) return unreachable
  if (status < 300) return damaged
  if (status === 401 || status === 403) return denied
  if (status === 412) return exists
  if (status === 507) return full
  if (status === 408 || status === 409 || status === 429 || status >= 500) return busy
  return foreign
}

const fieldOf = (from: unknown, name: string): unknown =>
  typeof from === 'object' && from !== null ? Reflect.get(from, name) : undefined

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

/** What is safe to show: a word such as NoSuchKey, KMS.DisabledException, ECONNRESET. */
const wordOf = (...candidates: readonly unknown[]): string =>
  candidates.filter(each => typeof each === 'string').find(each => /^[A-Za-z][\w.]{1,63}$/.test(each)) ?? 'Error'

/** Seconds or an HTTP date, RFC 9110 section 10.2.3. */
function retryAfterMs(header: unknown, nowMs: number): number {
  if (typeof header !== 'string') return 0
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs
  return ms > 0 ? ms : 0
}

/** @param nowMs milliseconds since the epoch */
export function failureOf(error: unknown, nowMs: number): Failure {
  const response = fieldOf(error, '$response')
  const status =
    numberOf(fieldOf(fieldOf(error, '$metadata'), 'httpStatusCode')) ?? numberOf(fieldOf(response, 'statusCode'))
  const word = wordOf(fieldOf(error, 'Code'), fieldOf(error, 'code'), fieldOf(error, 'name'))
  const called = status === undefined ? word : `${word}, HTTP ${status}`
  // What the system says names an address and nothing else.
  const system = error instanceof Error && typeof fieldOf(error, 'syscall') === 'string' ? `: ${error.message}` : ''
  return {
    ...meaningOf(word, status),
    called,
    retryAfterMs: retryAfterMs(fieldOf(fieldOf(response, 'headers'), 'retry-after'), nowMs),
    cause: new Error(`S3 answered ${called}${system}`),
  }
}

/** `action` as in "cannot read the file". */
export const storageErrorOf = (location: string, action: string, { code, called, fix, cause }: Failure): StorageError =>
  new StorageError(code, location, `cannot ${action} (${called}): ${fix}`, cause)
