/** The version of this package, from its manifest. */
import { readFileSync } from 'node:fs'

/** By the package's own name: compiled files lie elsewhere than their sources. */
export const packageVersion = (): string =>
  JSON.parse(readFileSync(new URL(import.meta.resolve('healthconsumer/package.json')), 'utf8')).version
