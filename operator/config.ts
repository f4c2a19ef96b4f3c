/**
 * What the operator is told by its flags and environment, once, at its start: parsed and checked here, frozen, and
 * passed on as values. Pure; operator/main.ts reads the environment.
 */
import { z } from 'zod'

/** What the builders of children need to know beside the resource itself. */
export interface ChildDefaults {
  /** Runtime image of resources that name none. */
  readonly image: string
  readonly imagePullPolicy?: 'Always' | 'IfNotPresent' | 'Never'
  /** Address of a folder of runbooks, for resources that name none. */
  readonly runbookBaseUrl?: string
}

const list = z
  .string()
  .transform(text => text.split(',').flatMap(each => each.trim() || []))
  .pipe(z.array(z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'a namespace: lower-case letters, digits and "-"')))

const flag = z.enum(['true', 'false']).transform(text => text === 'true')
const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `a whole number from ${least} to ${most}`)
    .transform(Number)
    .pipe(z.number().min(least).max(most))

/** One variable a setting; the chart sets them. */
const variables = {
  RUNTIME_IMAGE: z.string().min(1, 'the image that consumers run'),
  RUNTIME_IMAGE_PULL_POLICY: z.enum(['Always', 'IfNotPresent', 'Never']).optional(),
  RUNBOOK_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  WATCH_NAMESPACES: list.default([]),
  LEADER_ELECTION: flag.default(true),
  LEADER_ELECTION_NAME: z.string().min(1).default('healthconsumer-operator'),
  POD_NAMESPACE: z.string().min(1).default('default'),
  POD_NAME: z.string().min(1).optional(),
  METRICS_HOST: z.string().min(1).default('0.0.0.0'),
  METRICS_PORT: whole(0, 65_535).default(8080),
  WORKERS: whole(1, 64).default(8),
  STATUS_INTERVAL_SECONDS: whole(1, 3600).default(30),
} as const
const schema = z.object(variables)

export interface OperatorConfig {
  readonly children: ChildDefaults
  /** Empty: all namespaces. */
  readonly namespaces: readonly string[]
  readonly leaderElection: { readonly enabled: boolean; readonly name: string; readonly namespace: string }
  /** Of this process among the others that may lead. */
  readonly identity: string
  readonly metricsHost: string
  readonly metricsPort: number
  /** HealthConsumers reconciled at a time. */
  readonly workers: number
  /** Time between two looks at a consumer's pods. */
  readonly statusIntervalMs: number
}

export class OperatorConfigError extends Error {
  override readonly name = 'OperatorConfigError'
  readonly code = 'INVALID_SETTING'
}

/** `identity` tells this process from others where POD_NAME does not. Throws OperatorConfigError, all mistakes at once. */
export function operatorConfig(
  environment: Readonly<Record<string, string | undefined>>,
  identity: string,
): OperatorConfig {
  // An empty variable is one that is not set, as charts write it.
  const given = Object.fromEntries(Object.keys(variables).map(name => [name, environment[name] || undefined]))
  const parsed = schema.safeParse(given)
  if (!parsed.success) {
    const mistakes = parsed.error.issues.map(issue => {
      const name = String(issue.path[0])
      return `${name}=${JSON.stringify(given[name] ?? '')}: ${issue.message}`
    })
    throw new OperatorConfigError(`${mistakes.join('; ')} · set them in the environment of the operator`, {
      cause: parsed.error,
    })
  }
  const settings = parsed.data
  return Object.freeze({
    children: Object.freeze({
      image: settings.RUNTIME_IMAGE,
      imagePullPolicy: settings.RUNTIME_IMAGE_PULL_POLICY,
      runbookBaseUrl: settings.RUNBOOK_BASE_URL,
    }),
    namespaces: Object.freeze(settings.WATCH_NAMESPACES),
    leaderElection: Object.freeze({
      enabled: settings.LEADER_ELECTION,
      name: settings.LEADER_ELECTION_NAME,
      namespace: settings.POD_NAMESPACE,
    }),
    identity: settings.POD_NAME ?? identity,
    metricsHost: settings.METRICS_HOST,
    metricsPort: settings.METRICS_PORT,
    workers: settings.WORKERS,
    statusIntervalMs: settings.STATUS_INTERVAL_SECONDS * 1000,
  })
}
