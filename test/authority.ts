/** A certificate authority of a test's own, which vouches for servers at 127.0.0.1. Needs openssl. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** PEM. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

export interface Authority {
  /** Its own certificate, PEM. */
  readonly ca: string
  issue(commonName: string): Promise<KeyPair>
}

const run = promisify(execFile)
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']

export async function createAuthority(): Promise<Authority> {
  const own = await generated('Test authority', [])
  return {
    ca: own.certificate,
    issue: commonName => generated(commonName, ['-addext', 'subjectAltName=IP:127.0.0.1'], own),
  }
}

/** Signed by itself where nobody signs it. */
async function generated(commonName: string, extensions: readonly string[], signer?: KeyPair): Promise<KeyPair> {
  const folder = await mkdtemp(join(tmpdir(), 'authority-'))
  try {
    const file = (name: string) => join(folder, name)
    const signing = signer === undefined ? [] : ['-CA', file('ca.crt'), '-CAkey', file('ca.key')]
    if (signer !== undefined) {
      await writeFile(file('ca.crt'), signer.certificate)
      await writeFile(file('ca.key'), signer.key)
    }
    const files = ['-keyout', file('key'), '-out', file('certificate')]
    await run('openssl', ['req', '-x509', ...newKey, ...files, '-subj', `/CN=${commonName}`, ...extensions, ...signing])
    return { certificate: await readFile(file('certificate'), 'utf8'), key: await readFile(file('key'), 'utf8') }
  } finally {
    await rm(folder, { recursive: true })
  }
}
