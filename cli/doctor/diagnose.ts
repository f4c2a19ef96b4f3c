/** All checks, in the order of the report. Pure: what was gathered in, what is to be told out. */
import { consumer } from './checks/consumer.ts'
import { grafana } from './checks/dashboard.ts'
import { dependencies } from './checks/dependencies.ts'
import { latency } from './checks/latency.ts'
import { logs } from './checks/logs.ts'
import { metricsEndpoint } from './checks/metricsEndpoint.ts'
import { prometheus } from './checks/prometheus.ts'
import { factsOf } from './facts.ts'
import type { Observations } from './observations.ts'
import { type Check, checkGroups } from './report.ts'

export function diagnose(observations: Observations): readonly Check[] {
  const facts = factsOf(observations)
  const checks = [metricsEndpoint, consumer, latency, dependencies, logs, prometheus, grafana].flatMap(of => of(facts))
  return checkGroups.flatMap(group => checks.filter(check => check.group === group))
}
