/**
 * From what the API server answers to the closed list of errors: a Status
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/) or a bare HTTP status. Pure.
 */
import { KubernetesError, type KubernetesErrorCode } from './kubernetes.ts'

interface Status {
  readonly reason?: string
  readonly message?: string
  readonly code?: number
  readonly details?: { readonly retryAfterSeconds?: number }
}

const byReason: Readonly<Record<string, KubernetesErrorCode>> = {
  NotFound: 'NotFound',
  AlreadyExists: 'AlreadyExists',
  Conflict: 'Conflict',
  Expired: 'Expired',
  Gone: 'Expired',
  Invalid: 'Invalid',
  Unauthorized: 'Unauthorized',
  Forbidden: 'Forbidden',
  TooManyRequests: 'TooManyRequests',
}

const byHttpStatus: Readonly<Record<number, KubernetesErrorCode>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
}

/** Server-side apply of a field that the schema does not have: answered as 500, and no better the next time (1.34). */
const schemaMismatch = /^failed to create typed patch object/

/** An admission plugin looks for definitions now and then, and knows of one that is seconds old as little as of none. */
const notSeenYet = /cannot find RESTMapping/

const codeOf = ({ reason, message = '' }: Status, httpStatus: number): KubernetesErrorCode =>
  (schemaMismatch.test(message) ? 'Invalid' : undefined) ??
  (notSeenYet.test(message) ? 'Unavailable' : undefined) ??
  byReason[reason ?? ''] ??
  byHttpStatus[httpStatus] ??
  (httpStatus >= 500 ? 'Unavailable' : 'Refused')

/** Messages of refused schemas list every mistake; the first of them tell enough. */
const messageLimit = 2_000

function statusOf(body: unknown): Status {
  return typeof body === 'object' && body !== null && (body as { kind?: unknown }).kind === 'Status' ? body : {}
}

/**
 * `what` names the request, such as `GET /api/v1/pods`. `retryAfter` is the header of that name, in seconds; a date there
 * counts as none, as the API server sends none.
 */
export function answeredError(what: string, httpStatus: number, body: unknown, retryAfter?: string): KubernetesError {
  const status = statusOf(body)
  const { message, details } = status
  const seconds = Number(retryAfter ?? details?.retryAfterSeconds)
  return new KubernetesError(
    codeOf(status, httpStatus),
    httpStatus,
    `${what}: ${(message ?? `the API server answered ${httpStatus} without a reason`).slice(0, messageLimit)}`,
    { retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined },
  )
}

/** Of an ERROR event within a watch, whose object is a Status. */
export const watchError = (what: string, status: unknown): KubernetesError =>
  answeredError(what, statusOf(status).code ?? 500, status)

/** Of a request that got no answer, or one that is none. `cause` is what the connection threw. */
export const unanswered = (what: string, why: string, cause?: unknown): KubernetesError =>
  new KubernetesError('Unavailable', 0, `${what}: ${why}`, { cause })
