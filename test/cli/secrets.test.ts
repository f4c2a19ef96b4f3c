/** A command that needs a secret it cannot have refuses to begin: field, file and fix, and exit code 2. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { CommandIo } from '../../cli/io.ts'
import { runProgram } from '../../cli/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'secrets-'))
after(() => rmSync(folder, { recursive: true }))
const manifest = join(folder, 'consumer.yaml')
writeFileSync(
  manifest,
  `apiVersion: healthdata.dev/v1alpha1
kind: HealthConsumer
metadata: { name: secured }
spec:
  kafka:
    bootstrapServers: ["127.0.0.1:1"]
    sasl: { mechanism: plain, secretRef: { name: login } }
  iceberg: { catalog: { type: filesystem, warehouse: ./warehouse } }
`,
)

async function healthconsumer(...args: readonly string[]) {
  let err = ''
  const io: CommandIo = {
    out() {},
    err(text) {
      err += text
    },
    exitCode: 0,
  }
  return { exitCode: await runProgram(args, io), err }
}

for (const command of [['run'], ['status'], ['produce', '--payloads', '1']])
  test(`${command[0]} names the file that is missing, or the folder that was not given`, async () => {
    const missing = await healthconsumer(...command, '-f', manifest, '--secrets-dir', folder)
    assert.equal(missing.exitCode, 2)
    const file = join(folder, 'login', 'username')
    assert.match(missing.err, /^error\[MISSING_SECRET\]: key username of Secret login is missing/)
    assert.ok(missing.err.includes(`no file ${file} · ${manifest}: spec.kafka.sasl.secretRef · create the file`))

    const given = await healthconsumer(...command, '-f', manifest)
    assert.equal(given.exitCode, 2)
    assert.match(given.err, /no folder of secrets is given.*--secrets-dir DIR or HC_SECRETS_DIR/)
  })
