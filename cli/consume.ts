/** Sets up logging from the environment and the manifest, then runs a consumer. Loaded only by `run`. */
import type { RuntimeConfiguration } from '../runtime/contract/configuration.ts'
import { type ConsumerOptions, type ConsumerResult, runConsumer } from '../runtime/main.ts'
import { setupLogging } from '../runtime/telemetry/logging.ts'
import { loggingFromEnvironment, parseLogLevel } from '../runtime/telemetry/logOptions.ts'
import { logProcessWarnings } from '../runtime/telemetry/processWarnings.ts'
import { packageVersion } from '../runtime/version.ts'

/** The environment wins over the manifest. On a terminal, where neither says otherwise, only warnings show, as text. */
export async function consume(
  configuration: RuntimeConfiguration,
  options: Omit<ConsumerOptions, 'version' | 'logging'>,
): Promise<ConsumerResult> {
  const { env } = process
  const given = loggingFromEnvironment(env)
  const forPeople = options.progress !== undefined && !env.LOG_LEVEL && !env.JSON_FORMAT
  const level = env.LOG_LEVEL ? given.logLevel! : forPeople ? 'warning' : parseLogLevel(configuration.logging.level, '')
  const json = env.JSON_FORMAT ? given.jsonFormat! : !forPeople && configuration.logging.format === 'json'
  const logger = setupLogging({ ...given, logLevel: level, jsonFormat: json })
  logProcessWarnings(logger)
  const formatter = json ? ('JSONFormatter' as const) : ('TextFormatter' as const)
  const logging = { level, formatter, file: given.logFile ?? null }
  return runConsumer(configuration, { ...options, version: packageVersion(), logging })
}
