/**
 * Node's process warnings as log lines, so that stderr holds nothing else. Called by main once logging is set up.
 */
import type { Logger } from '../contract/logger.ts'

/**
 * Replaces Node's own printing of warnings. TimeoutNegativeWarning is dropped: kafkajs 2.2.4 passes a negative delay to
 * setTimeout, which Node takes for 1 ms as it always did.
 */
export function logProcessWarnings(logger: Logger): void {
  process.removeAllListeners('warning')
  process.on('warning', warning => {
    if (warning.name !== 'TimeoutNegativeWarning') logger.warning('Process warning', { error: warning })
  })
}
