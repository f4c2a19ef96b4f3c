/**
 * Where the commands find what the Secrets of a manifest hold, on a machine without Kubernetes, and how they refuse to
 * begin without. It never prints a secret.
 */
import { Option } from 'commander'
import type { RuntimeConfiguration } from '../runtime/contract/configuration.ts'
import { CredentialsError } from '../runtime/secrets.ts'
import { type KafkaCredentials, readKafkaCredentials } from '../runtime/source/credentials.ts'
import { CommandError } from './errors.ts'

export const secretsOption = () =>
  new Option('--secrets-dir <folder>', 'folder with a folder for each Secret, which has a file for each key').env(
    'HC_SECRETS_DIR',
  )

/** Rejects with CommandError (exit code 2) where one is missing or cannot be used. */
export function kafkaCredentials(
  configuration: Pick<RuntimeConfiguration, 'kafkaTls' | 'sasl'>,
  secretsDirectory: string | undefined,
  file: string,
): KafkaCredentials {
  try {
    return readKafkaCredentials(configuration, secretsDirectory)
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error
    const { code, what, field, fix } = error
    throw new CommandError(2, [{ code, what, where: `${file}: ${field}`, fix, file, field }], error)
  }
}
