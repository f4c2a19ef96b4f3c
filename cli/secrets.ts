/**
 * Where the commands find what the Secrets of a manifest hold, on a machine without Kubernetes, and how they refuse to
 * begin without. It never prints a secret.
 */
import { Option } from 'commander'
import type { RuntimeConfiguration } from '../runtime/contract/configuration.ts'
import { readLakeSecrets } from '../runtime/lakeCredentials.ts'
import { CredentialsError } from '../runtime/secrets.ts'
import { type KafkaCredentials, readKafkaCredentials } from '../runtime/source/credentials.ts'
import { CommandError } from './errors.ts'

export const secretsOption = () =>
  new Option('--secrets-dir <folder>', 'folder with a folder for each Secret, which has a file for each key').env(
    'HC_SECRETS_DIR',
  )

/** Rejects with CommandError (exit code 2) where one is missing or cannot be used. */
export const kafkaCredentials = (
  configuration: Pick<RuntimeConfiguration, 'kafkaTls' | 'sasl'>,
  secretsDirectory: string | undefined,
  file: string,
): KafkaCredentials => asInput(() => readKafkaCredentials(configuration, secretsDirectory), file)

/** The same of every Secret that the configuration names, for commands that need them all. */
export function requireSecrets(
  configuration: RuntimeConfiguration,
  secretsDirectory: string | undefined,
  file: string,
): void {
  kafkaCredentials(configuration, secretsDirectory, file)
  requireLakeSecrets(configuration, secretsDirectory, file)
}

/** The same of catalog and storage, for commands that do not ask Kafka. */
export function requireLakeSecrets(
  configuration: RuntimeConfiguration,
  secretsDirectory: string | undefined,
  file: string,
): void {
  asInput(() => readLakeSecrets(configuration, secretsDirectory), file)
}

function asInput<T>(read: () => T, file: string): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error
    const { code, what, field, fix } = error
    throw new CommandError(2, [{ code, what, where: `${file}: ${field}`, fix, file, field }], error)
  }
}
