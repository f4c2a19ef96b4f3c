/**
 * `healthconsumer generate`: prints what Prometheus and Grafana need to watch a consumer, and what a cluster needs to know
 * HealthConsumers. Its flags are the options of the functions in monitoring/, which also check them. It contacts nothing;
 * stdout gets the result and nothing else.
 */
import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { crdYaml } from '../crds/customResourceDefinition.ts'
import { type AlertingOptions, generateAlertingRules } from '../monitoring/alerts.ts'
import { type DashboardOptions, getGrafanaDashboardJson } from '../monitoring/dashboard.ts'
import { OptionError } from '../monitoring/optionError.ts'
import { generatePrometheusScrapeConfig } from '../monitoring/scrapeConfig.ts'
import { thresholdsOf } from '../monitoring/thresholdsOf.ts'
import { CommandError, type Failure } from './errors.ts'
import { type CommandIo, commandLine } from './io.ts'
import { loadManifest } from './manifest.ts'

export function register(program: Command, io: CommandIo): void {
  const generate = program
    .command('generate')
    .summary('print scrape configuration, alerts, dashboard, CRD, Argo CD health')
    .description(
      'Prints what Prometheus and Grafana need to watch a consumer, and what a cluster and Argo CD need to know\n' +
        'HealthConsumers: YAML or JSON on stdout, nothing else.',
    )
    .addHelpText(
      'after',
      `\nExamples:\n${[scrapeConfigExample, alertsExample, dashboardExample, crdExample, argoHealthExample].join('\n')}`,
    )
  registerScrapeConfig(generate, io)
  registerAlerts(generate, io)
  registerDashboard(generate, io)
  registerCrd(generate, io)
  registerArgoHealth(generate, io)
}

const scrapeConfigExample =
  '  healthconsumer generate scrape-config --target 127.0.0.1:9249 --label environment=production'
const alertsExample = '  healthconsumer generate alerts --threshold HighKafkaLag=500000 --disable LowThroughput'
const dashboardExample = '  healthconsumer generate dashboard --title "Health data" > dashboard.json'
const crdExample = '  healthconsumer generate crd | kubectl apply --server-side -f -'
const argoHealthExample = '  healthconsumer generate argo-health > argocd-cm.yaml'

interface ScrapeConfigFlags {
  readonly jobName?: string
  readonly target?: readonly string[]
  readonly scrapeInterval?: string
  readonly metricsPath?: string
  readonly label?: Readonly<Record<string, string>>
}

function registerScrapeConfig(generate: Command, io: CommandIo): void {
  generate
    .command('scrape-config')
    .summary('how Prometheus finds the consumers (YAML)')
    .description('Prints the `scrape_configs` of prometheus.yml for consumers at fixed addresses.')
    .option('--job-name <name>', 'value of the label `job`; alerts ask for the same')
    .option('--target <host:port...>', 'addresses of consumers')
    .option('--scrape-interval <duration>', 'time between two scrapes, such as 15s')
    .option('--metrics-path <path>', 'path of the metrics')
    .option('--label <name=value>', 'a label of every series, in place of application and environment', pairs)
    .addHelpText('after', `\nExample:\n${scrapeConfigExample}`)
    .action((flags: ScrapeConfigFlags, command: Command) => {
      const { jobName, target: targets, scrapeInterval, metricsPath, label: labels } = flags
      const options = given({ jobName, targets, scrapeInterval, metricsPath, labels })
      io.out(checked(command, () => generatePrometheusScrapeConfig(options)))
    })
}

interface AlertsFlags {
  readonly file?: string
  readonly consumer?: AlertingOptions['consumer']
  readonly jobName?: string
  readonly interval?: string
  readonly threshold?: AlertingOptions['thresholds']
  readonly window?: AlertingOptions['windows']
  readonly for?: AlertingOptions['pendingPeriods']
  readonly disable?: AlertingOptions['disabledAlerts']
  readonly runbookBaseUrl?: string
}

function registerAlerts(generate: Command, io: CommandIo): void {
  generate
    .command('alerts')
    .summary('alerting rules (YAML)')
    .description(
      "Prints alerting rules for Prometheus' `rule_files`. Without flags they are for all consumers of " +
        "the job. With -f, thresholds, disabled alerts, interval and runbooks are the manifest's. Flags win.",
    )
    .option('-f, --file <file>', 'file with one HealthConsumer, in YAML or JSON')
    .option('--consumer <namespace/name>', 'only for this one: rules ask for its namespace and name', consumerOf)
    .option('--job-name <name>', 'job of the scrape configuration')
    .option('--interval <duration>', 'time between two evaluations, such as 30s')
    .option('--threshold <alert=number>', 'value past which an alert fires; as often as needed', numbers)
    .option('--window <alert=duration>', 'how far back an alert looks; as often as needed', pairs)
    .option('--for <alert=duration>', 'how long before an alert fires; as often as needed', pairs)
    .option('--disable <alert...>', 'alerts to leave out')
    .option('--runbook-base-url <url>', 'folder of the runbooks; /<alert>.md is appended')
    .addHelpText('after', `\nExample:\n${alertsExample}`)
    .action(async (flags: AlertsFlags, command: Command) => {
      const { consumer, jobName, interval, window: windows, runbookBaseUrl } = flags
      const { for: pendingPeriods, disable: disabledAlerts } = flags
      const spec = await specOf(flags.file)
      const options: AlertingOptions = {
        ...manifestOptions(spec?.monitoring.prometheusRule, ['interval', 'disabledAlerts', 'runbookBaseUrl']),
        ...given({ consumer, jobName, interval, windows, pendingPeriods, disabledAlerts, runbookBaseUrl }),
        thresholds: { ...(spec && thresholdsOf(spec)), ...flags.threshold },
      }
      io.out(checked(command, () => generateAlertingRules(options)))
    })
}

interface DashboardFlags {
  readonly file?: string
  readonly title?: string
  readonly uid?: string
  readonly tag?: readonly string[]
  readonly dataSource?: string
  readonly consumer?: DashboardOptions['consumer']
  readonly threshold?: DashboardOptions['thresholds']
  readonly runbookBaseUrl?: string
}

function registerDashboard(generate: Command, io: CommandIo): void {
  generate
    .command('dashboard')
    .summary('Grafana dashboard (JSON)')
    .description(
      'Prints a Grafana dashboard, to be imported by hand or by the sidecar, from a ConfigMap. With -f, data source, ' +
        "thresholds and runbooks are the manifest's. Flags win.",
    )
    .option('-f, --file <file>', 'file with one HealthConsumer, in YAML or JSON')
    .option('--title <text>', 'title of the dashboard')
    .option('--uid <uid>', 'its stable id, part of its address')
    .option('--tag <tag...>', 'tags to find it by')
    .option('--data-source <name>', 'Prometheus data source; without it the viewer chooses')
    .option('--consumer <namespace/name>', 'the one that is shown first', consumerOf)
    .option('--threshold <alert=number>', 'value that is drawn as a line; as often as needed', numbers)
    .option('--runbook-base-url <url>', 'folder of the runbooks that panels lead to')
    .addHelpText('after', `\nExample:\n${dashboardExample}`)
    .action(async (flags: DashboardFlags, command: Command) => {
      const { title, uid, tag: tags, dataSource, consumer, runbookBaseUrl } = flags
      const spec = await specOf(flags.file)
      const options: DashboardOptions = {
        ...manifestOptions(spec?.monitoring.dashboard, ['dataSource']),
        ...manifestOptions(spec?.monitoring.prometheusRule, ['runbookBaseUrl']),
        ...given({ title, uid, tags, dataSource, consumer, runbookBaseUrl }),
        thresholds: { ...(spec && thresholdsOf(spec)), ...flags.threshold },
      }
      const dashboard = checked(command, () => getGrafanaDashboardJson(options))
      io.out(`${JSON.stringify(dashboard, null, 2)}\n`)
    })
}

function registerCrd(generate: Command, io: CommandIo): void {
  generate
    .command('crd')
    .summary('CustomResourceDefinition of HealthConsumers (YAML)')
    .description(
      'Prints the CustomResourceDefinition that a cluster needs before it stores HealthConsumers. The chart of the ' +
        'operator brings it along.',
    )
    .addHelpText('after', `\nExample:\n${crdExample}`)
    .action(() => io.out(crdYaml()))
}

/** Beside package.json, wherever this file lies: hack/generate makes it of Lua that is tested by itself. */
const argoHealth = () =>
  readFileSync(new URL('charts/argocd/argocd-cm.yaml', import.meta.resolve('healthconsumer/package.json')), 'utf8')

function registerArgoHealth(generate: Command, io: CommandIo): void {
  generate
    .command('argo-health')
    .summary("health and actions of HealthConsumers, a patch of Argo CD's ConfigMap (YAML)")
    .description(
      'Prints a patch of the ConfigMap argocd-cm: how Argo CD judges the health of a HealthConsumer, the actions pause,\n' +
        'resume and restart, and which fields are quantities.',
    )
    .addHelpText('after', `\nExample:\n${argoHealthExample}`)
    .action(() => io.out(argoHealth()))
}

const specOf = async (file: string | undefined) =>
  file === undefined ? undefined : (await loadManifest(file)).resource.spec

/** The fields of a part of the manifest that an option is called like; none without a manifest. */
const manifestOptions = <T extends object, K extends keyof T>(part: T | undefined, names: readonly K[]) =>
  given(Object.fromEntries(names.map(name => [name, part?.[name]])) as Pick<T, K>)

/** Without the fields that are undefined, so that what comes before them, and defaults, hold. */
const given = <T extends object>(options: T): Partial<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>

/** `name=value`, as often as the flag is given. */
function pairs(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must be a name and a value, as in name=value.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

function numbers(text: string, before: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  const [[name, value]] = Object.entries(pairs(text)) as [[string, string]]
  if (!/\d/.test(value) || !Number.isFinite(Number(value)))
    throw new InvalidArgumentError('It must be an alert and a number, as in HighKafkaLag=500000.')
  return { ...before, [name]: Number(value) }
}

function consumerOf(text: string) {
  const [namespace, name, ...more] = text.split('/')
  if (!namespace || !name || more.length > 0) throw new InvalidArgumentError('It must be namespace/name.')
  return { namespace, name }
}

/** Flags that are not called like the option. */
const flagsOf: Readonly<Record<string, string>> = {
  targets: '--target',
  labels: '--label',
  thresholds: '--threshold',
  windows: '--window',
  pendingPeriods: '--for',
  disabledAlerts: '--disable',
  tags: '--tag',
}
const flagOf = (option: string): string =>
  flagsOf[option] ?? `--${option.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`

/** What `generate` returns; an option that it refuses is wrong input (exit code 2), told in terms of the flag. */
function checked<T>(command: Command, generate: () => T): T {
  try {
    return generate()
  } catch (error) {
    if (!(error instanceof OptionError)) throw error
    const { code, field, value, fix } = error
    // `thresholds.HighKafkaLag`, `targets[0]`, `a name in labels`: the option, and perhaps a name within it.
    const [, before = '', option = '', within = ''] = /^(a name in )?(\w+)(?:\[\d+\])?(?:\.(.*))?$/.exec(field) ?? []
    const flag = [`${before}${flagOf(option)}`, within].join(' ').trimEnd()
    const toFix = fix.replace(/\b[a-z]+[A-Z]\w*/g, flagOf)
    const what = `${flag} is ${JSON.stringify(value)}`
    throw new CommandError(2, [{ code: code as Failure['code'], what, where: commandLine(command), fix: toFix }], error)
  }
}
