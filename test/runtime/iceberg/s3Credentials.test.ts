/** Where the SDK looks for credentials when the storage is given none: each way in a process of its own, with its environment. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { s3Stub } from './s3Stub.ts'

const folder = await mkdtemp(`${tmpdir()}/s3-credentials-`)
after(() => rm(folder, { recursive: true }))
await writeFile(`${folder}/token`, 'a token of the cluster')

const stub = await s3Stub()
after(() => stub.close())

const temporary = { AccessKeyId: 'TEMPORARY', SecretAccessKey: 's', Expiration: '2099-01-01T00:00:00Z' }
const assumed = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult><Credentials>
    ${Object.entries(temporary)
      .map(([name, value]) => `<${name}>${value}</${name}>`)
      .join('')}
    <SessionToken>session</SessionToken>
  </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`

/** What gives credentials: STS, the agent of a container, the metadata service of a machine. */
const givers = createServer((request, response) => {
  if (request.url === '/') return response.end(assumed)
  if (request.url === '/latest/api/token') return response.end('a session with the metadata service')
  if (request.url?.endsWith('/security-credentials/')) return response.end('role')
  response.end(JSON.stringify({ Code: 'Success', ...temporary, Token: 'session' }))
})
await new Promise<void>(resolve => givers.listen(0, '127.0.0.1', resolve))
after(() => givers.close())
const giver = `http://127.0.0.1:${(givers.address() as AddressInfo).port}`

const storageModule = import.meta.resolve('../../../runtime/iceberg/s3Storage.ts')
const program = `
  const { s3Storage } = await import(process.argv[1])
  const limits = { attempts: 2, firstWaitMs: 1 }
  const storage = s3Storage({ endpoint: '${stub.endpoint}', pathStyle: true, limits })
  await storage.create('s3://lake/w/file', Buffer.from('1')).then(() => console.log('created'), error => console.log(error.message))
  storage.close()`

/** The last line that the program writes, in an environment without anything else of AWS. */
async function written(env: Readonly<Record<string, string>>): Promise<string> {
  stub.objects.clear()
  stub.received.length = 0
  const nothingElse = { HOME: folder, AWS_CONFIG_FILE: `${folder}/none`, AWS_SHARED_CREDENTIALS_FILE: `${folder}/none` }
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', program, storageModule],
    {
      env: { ...nothingElse, AWS_EC2_METADATA_DISABLED: 'true', ...env },
    },
  )
  return stdout.trim()
}

const ways: readonly [string, Readonly<Record<string, string>>][] = [
  [
    'the web identity of a pod',
    {
      AWS_WEB_IDENTITY_TOKEN_FILE: `${folder}/token`,
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/lake',
      AWS_REGION: 'eu-central-1',
      AWS_ENDPOINT_URL_STS: giver,
    },
  ],
  ['the agent of a container', { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${giver}/container` }],
  ['the machine', { AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: giver }],
  ['the environment', { AWS_ACCESS_KEY_ID: 'TEMPORARY', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: 'session' }],
]
for (const [name, env] of ways)
  test(`credentials come from ${name}`, async () => {
    assert.equal(await written(env), 'created')
    assert.deepEqual(
      stub.received.map(({ accessKeyId, headers }) => [accessKeyId, headers['x-amz-security-token']]),
      [['TEMPORARY', 'session']],
    )
  })

test('where there are none, that is said, with the fix', async () => {
  const said = await written({})
  assert.match(said, /CredentialsProviderError.*spec\.iceberg\.storage\.s3\.secretRef.*s3:\/\/lake\/w\/file/)
  assert.equal(stub.received.length, 0)
})
