/**
 * Reads answers of Prometheus' HTTP API v1, https://prometheus.io/docs/prometheus/latest/querying/api/. Pure. Fields that
 * nothing here asks for are let pass.
 */
import { z } from 'zod'
import type { Answer } from './request.ts'

const targets = z.object({
  activeTargets: z.array(
    z.object({
      labels: z.record(z.string(), z.string()),
      scrapeUrl: z.string(),
      lastError: z.string(),
      health: z.enum(['up', 'down', 'unknown']),
    }),
  ),
})
export type Target = z.infer<typeof targets>['activeTargets'][number]

const rules = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.object({
          name: z.string(),
          health: z.string(),
          labels: z.record(z.string(), z.string()).default({}),
          lastError: z.string().optional(),
          annotations: z.record(z.string(), z.string()).default({}),
          alerts: z.array(z.object({ labels: z.record(z.string(), z.string()), state: z.string() })).default([]),
        }),
      ),
    }),
  ),
})
export type RuleGroupSeen = z.infer<typeof rules>['groups'][number]

const alertmanagers = z.object({ activeAlertmanagers: z.array(z.object({ url: z.string() })) })
const query = z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) })

/** What the answer holds, or why it holds nothing. */
export type Reading<T> = { readonly value: T; readonly why?: undefined } | { readonly value?: undefined; why: string }

const reader =
  <T>(schema: z.ZodType<T>) =>
  (answer: Answer): Reading<T> => {
    if (!answer.reached) return { why: `${answer.url}: ${answer.detail}` }
    const { data } = z.object({ status: z.literal('success'), data: schema }).safeParse(jsonOf(answer.body))
    if (answer.status === 200 && data) return { value: data.data }
    return { why: `${answer.url} answered ${answer.status}, not as Prometheus does` }
  }

export const readTargets = reader(targets)
export const readRules = reader(rules)
export const readAlertmanagers = reader(alertmanagers)
const readQuery = reader(query)

/** The one value of an instant query; null where it is no number (nothing to divide), undefined without any series. */
export function readValue(answer: Answer): number | null | undefined {
  const text = readQuery(answer).value?.result[0]?.value[1]
  if (text === undefined) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : null
}

/** Undefined where the text is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
