import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'

const module = (name: string) => JSON.stringify(new URL(`../../../runtime/telemetry/${name}.ts`, import.meta.url).href)

describe('process warnings', () => {
  it('are log lines, and the negative timeout of kafkajs is none', async () => {
    const script = `
      import { getLogger } from ${module('logging')}
      import { logProcessWarnings } from ${module('processWarnings')}
      logProcessWarnings(getLogger('node'))
      setTimeout(() => process.emitWarning('Careful'), -5)
    `
    const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
    const lines = stderr
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.deepEqual(
      lines.map(line => [line.level, line.logger, line.error.message]),
      [['WARNING', 'node', 'Careful']],
    )
  })
})
