/** Whether Prometheus scrapes the consumer, has the rules loaded, and knows an Alertmanager. Pure. */
import { alertingRuleGroups } from '../../../monitoring/alerts.ts'
import { sameServer } from '../address.ts'
import type { Facts } from '../facts.ts'
import type { PrometheusSeen } from '../observations.ts'
import {
  type RuleGroupSeen,
  readAlertmanagers,
  readRules,
  readTargets,
  readValue,
  type Target,
} from '../prometheusApi.ts'
import { ago, type Check, type CheckOutcomes, counted, defineCheck, listed } from '../report.ts'
import { areOf, mayConcern, shownLabels, type Watched } from '../watched.ts'

const metricsGroup = 'Metrics Not Appearing'
const alertsGroup = 'Alerts Not Firing'
const target = defineCheck(metricsGroup, 'Prometheus target', 'what is not scraped is on no dashboard and in no alert')
const samples = defineCheck(metricsGroup, 'samples in Prometheus', 'old samples hide what goes on now')
const rules = defineCheck(alertsGroup, 'alerting rules', 'a rule that is not loaded never fires')
const ruleHealth = defineCheck(alertsGroup, 'rule health', 'a rule that cannot be evaluated never fires')
const firing = defineCheck(alertsGroup, 'firing alerts', 'each is a threshold that has been passed')
const alertmanagers = defineCheck(alertsGroup, 'Alertmanager', 'without one nobody is told')

export function prometheus(facts: Facts): readonly Check[] {
  const { prometheus: seen } = facts
  const checks: readonly [CheckOutcomes, (facts: Facts, seen: PrometheusSeen) => Check][] = [
    [target, checkTarget],
    [samples, checkSamples],
    [rules, checkRules],
    [ruleHealth, checkRuleHealth],
    [firing, checkFiring],
    [alertmanagers, checkAlertmanagers],
  ]
  // What keeps Prometheus from answering is told once, with the target.
  const isAway = seen !== null && readTargets(seen.targets).value === undefined
  return checks.map(([check, judge]) => {
    if (seen !== null && (!isAway || check === target)) return judge(facts, seen)
    if (check === alertmanagers && facts.alertmanager !== null) return judgeAlertmanager(facts)
    return check.skipped(isAway ? 'Prometheus does not answer' : 'not asked for: add --prometheus')
  })
}

const inCluster = ({ resource }: Watched): boolean => resource !== undefined

const unreachableFix =
  'correct the address after --prometheus, or start Prometheus; its user needs no more than to read'

function checkTarget(facts: Facts, { targets: answer }: PrometheusSeen): Check {
  const { consumer } = facts
  const { value, why } = readTargets(answer)
  if (value === undefined) return target.problem(why, unreachableFix)
  const own = value.activeTargets.filter(({ labels }) => areOf(facts, labels))
  if (own.length === 0)
    return target.problem(
      `Prometheus has no target of ${shownLabels(facts)}`,
      inCluster(facts)
        ? 'have Prometheus select its ServiceMonitor: see serviceMonitorSelector and serviceMonitorNamespaceSelector'
        : 'add what `healthconsumer generate scrape-config` prints to prometheus.yml and reload it, or name the job with --job',
    )
  const same = consumer === null ? [] : own.filter(({ scrapeUrl }) => sameServer(scrapeUrl, consumer.url))
  const judged = same.length > 0 ? same : own
  const elsewhere = consumer !== null && same.length === 0 ? '; none has the address of --url' : ''
  const down = judged.filter(({ health }) => health === 'down')
  if (down.length > 0)
    return target.problem(
      `${down.length} of ${counted(judged.length, 'target')} down: ${listed(down.map(lastError), 2)}${elsewhere}`,
      inCluster(facts)
        ? 'see why the pod does not run, or let Prometheus reach it: a NetworkPolicy of the namespace may be in the way'
        : 'start the consumer that is named; if it runs, let Prometheus reach it: --metrics-host 0.0.0.0, firewall, NetworkPolicy',
    )
  const waiting = judged.filter(({ health }) => health === 'unknown').length
  if (waiting > 0)
    return target.skipped(`${waiting} of ${counted(judged.length, 'target')} not scraped yet${elsewhere}`)
  return target.ok(`${counted(judged.length, 'target')} of ${shownLabels(facts)} up${elsewhere}`)
}

const lastError = ({ scrapeUrl, lastError: error }: Target): string => `${scrapeUrl} (${error || 'no error told'})`

/** Twice Prometheus' own default of the longest usual interval, a minute. */
const freshSeconds = 120

function checkSamples(facts: Facts, { queries }: PrometheusSeen): Check {
  const age = readValue(queries.sampleAgeSeconds)
  if (age === undefined || age === null)
    return samples.problem(
      `none of ${shownLabels(facts)} within 5 minutes`,
      'see the target above; one that has just been added shows its first samples after a scrape interval',
    )
  return age <= freshSeconds
    ? samples.ok(`the newest is ${ago(age * 1000)} old`)
    : samples.problem(
        `the newest is ${ago(age * 1000)} old`,
        'compare the clocks of both machines, and shorten scrape_interval to 15s',
      )
}

const expectedGroups = ({ disabledAlerts }: Facts) =>
  alertingRuleGroups({ disabledAlerts }).map(({ name, rules }) => ({
    name,
    alerts: rules.flatMap(rule => ('alert' in rule ? rule.alert : [])),
  }))

/** Their rules for this consumer; groups may be several of one name. Undefined where Prometheus does not say. */
function loadedGroups(facts: Facts, { rules: answer }: PrometheusSeen): readonly RuleGroupSeen[] | undefined {
  const names = expectedGroups(facts).map(({ name }) => name)
  return readRules(answer)
    .value?.groups.filter(({ name }) => names.includes(name))
    .map(({ name, rules }) => ({ name, rules: rules.filter(({ labels }) => mayConcern(facts, labels)) }))
    .filter(({ rules }) => rules.length > 0)
}

const loadedRules = (facts: Facts, seen: PrometheusSeen) =>
  loadedGroups(facts, seen)?.flatMap(group => group.rules) ?? []

const reload = (facts: Facts): string =>
  inCluster(facts)
    ? 'have Prometheus select its PrometheusRule: see ruleSelector and ruleNamespaceSelector'
    : 'add what `healthconsumer generate alerts` prints to rule_files and reload Prometheus'

function checkRules(facts: Facts, seen: PrometheusSeen): Check {
  const groups = loadedGroups(facts, seen)
  if (groups === undefined) return rules.problem(readRules(seen.rules).why ?? '', unreachableFix)
  const expected = expectedGroups(facts)
  const missing = expected.map(({ name }) => name).filter(name => !groups.some(group => group.name === name))
  if (missing.length > 0)
    return rules.problem(`not loaded: ${missing.map(name => `group ${name}`).join(', ')}`, reload(facts))
  const loaded = new Set(groups.flatMap(group => group.rules.map(({ name }) => name)))
  const wanted = expected.flatMap(({ alerts }) => alerts)
  const absent = wanted.filter(name => !loaded.has(name))
  return absent.length === 0
    ? rules.ok(`all ${wanted.length} are loaded`)
    : rules.problem(`not loaded: ${listed(absent)}`, reload(facts))
}

function checkRuleHealth(facts: Facts, seen: PrometheusSeen): Check {
  const all = loadedRules(facts, seen)
  if (all.length === 0) return ruleHealth.skipped('no rule is loaded')
  const ill = all.filter(({ health }) => health === 'err')
  if (ill.length > 0)
    return ruleHealth.problem(
      listed(
        ill.map(({ name, lastError: error }) => `${name}: ${error ?? 'no error told'}`),
        3,
      ),
      'load the rules of this version again; two scrapes of one consumer under one job make duplicates, which rules cannot join',
    )
  const waiting = all.filter(({ health }) => health !== 'ok').length
  if (waiting > 0) return ruleHealth.skipped(`${waiting} of ${counted(all.length, 'rule')} not evaluated yet`)
  return ruleHealth.ok(`${counted(all.length, 'rule')} evaluated without error`)
}

function checkFiring(facts: Facts, seen: PrometheusSeen): Check {
  const all = loadedRules(facts, seen)
  if (all.length === 0) return firing.skipped('no rule is loaded')
  const inState = (state: string) =>
    all.filter(({ alerts }) => alerts.some(alert => alert.state === state && mayConcern(facts, alert.labels)))
  const pending = inState('pending').map(({ name }) => name)
  const soon = pending.length > 0 ? `; pending: ${pending.join(', ')}` : ''
  const found = inState('firing')
  if (found.length === 0) return firing.ok(`none${soon}`)
  return firing.problem(
    `${found.map(({ name }) => name).join(', ')}${soon}`,
    `follow their runbooks: ${listed(found.map(({ name, annotations }) => annotations.runbook_url ?? name))}`,
  )
}

function checkAlertmanagers(facts: Facts, seen: PrometheusSeen): Check {
  const { alertmanager } = facts
  const { value, why } = readAlertmanagers(seen.alertmanagers)
  if (value === undefined) return alertmanagers.problem(why, unreachableFix)
  const known = value.activeAlertmanagers.map(({ url }) => url)
  const add = 'name it under alerting.alertmanagers in prometheus.yml and reload Prometheus'
  if (known.length === 0) return alertmanagers.problem('Prometheus knows none', add)
  if (alertmanager === null) return alertmanagers.ok(`Prometheus sends to ${listed(known)}`)
  const own = judgeAlertmanager(facts)
  if (own.state === 'problem') return own
  if (!known.some(url => sameServer(url, alertmanager.url)))
    return alertmanagers.problem(`Prometheus sends to ${listed(known)}, not to ${alertmanager.url}`, add)
  return alertmanagers.ok('it answers, and Prometheus sends to it')
}

function judgeAlertmanager({ alertmanager: answer }: Facts): Check {
  const fix = 'correct the address after --alertmanager, or start Alertmanager'
  if (!answer?.reached) return alertmanagers.problem(`${answer?.url}: ${answer?.detail}`, fix)
  if (answer.status !== 200 || !answer.body.includes('"versionInfo"'))
    return alertmanagers.problem(`${answer.url} answered ${answer.status}, not as Alertmanager does`, fix)
  return alertmanagers.ok(`${answer.url} answers; whether Prometheus sends to it, --prometheus tells`)
}
