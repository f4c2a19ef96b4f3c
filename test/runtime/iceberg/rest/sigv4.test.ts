/** Signatures, compared with the algorithm as AWS describes it, which is first compared with a signature that AWS published. */
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { HttpRequest } from '../../../../runtime/httpExchange.ts'
import { Redaction } from '../../../../runtime/iceberg/rest/redaction.ts'
import { sigV4 } from '../../../../runtime/iceberg/rest/sigv4.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()

interface Canonical {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly bodyHash: string
}

/** AWS "Create a signed AWS API request", steps 1 to 4. `path` and `query` are canonical already. */
function signatureOf(
  { method, path, query, headers, bodyHash }: Canonical,
  secret: string,
  region: string,
  name: string,
) {
  const names = Object.keys(headers).sort()
  const lines = names.map(header => `${header}:${headers[header]}\n`).join('')
  const canonical = [method, path, query, lines, names.join(';'), bodyHash].join('\n')
  const date = headers['x-amz-date']!
  const scope = `${date.slice(0, 8)}/${region}/${name}/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')
  const key = [date.slice(0, 8), region, name, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`)
  return hmac(key, toSign).toString('hex')
}

const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'

test('the comparison itself gives the signature that AWS published (get-vanilla of its test suite)', () => {
  const headers = { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' }
  const request = { method: 'GET', path: '/', query: '', headers, bodyHash: sha256('') }
  assert.equal(
    signatureOf(request, secretAccessKey, 'us-east-1', 'service'),
    '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  )
})

const signer = (secret: Readonly<Record<string, string>>) =>
  sigV4({
    region: 'eu-west-1',
    name: 's3tables',
    readSecret: () => secret,
    redaction: new Redaction(),
    now: () => Date.UTC(2015, 7, 30, 12, 36),
  })

const requests: readonly (readonly [HttpRequest, path: string, query: string])[] = [
  [
    {
      method: 'GET',
      url: new URL('https://glue.eu-west-1.amazonaws.com/iceberg/v1/config?warehouse=a%2Fb:1&z=%20'),
      headers: {},
    },
    '/iceberg/v1/config',
    'warehouse=a%2Fb%3A1&z=%20',
  ],
  [
    {
      method: 'POST',
      url: new URL('http://127.0.0.1:8080/v1/arn%3Aaws/namespaces/a%1Fb/tables/t%20%C3%BC'),
      headers: { 'content-type': 'application/json', 'x-other': 'is not signed' },
      body: '{"updates":[]}',
    },
    // Every service but S3 wants the escapes of the path escaped again.
    '/v1/arn%253Aaws/namespaces/a%251Fb/tables/t%2520%25C3%25BC',
    '',
  ],
]

for (const [request, path, query] of requests)
  for (const sessionToken of [undefined, 'session'])
    test(`${request.method} ${request.url.pathname} is signed as AWS describes it, ${sessionToken ? 'with' : 'without'} a session`, async () => {
      const secret = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey, ...(sessionToken && { sessionToken }) }
      const { authorization, ...headers } = await signer(secret)(request)
      assert.equal(headers['x-amz-content-sha256'], sha256(request.body ?? ''))
      assert.equal(headers['x-amz-security-token'], sessionToken)
      assert.equal(headers['x-other'], undefined)
      const canonical = { method: request.method, path, query, headers, bodyHash: sha256(request.body ?? '') }
      assert.equal(
        authorization,
        `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/s3tables/aws4_request, ` +
          `SignedHeaders=${Object.keys(headers).sort().join(';')}, ` +
          `Signature=${signatureOf(canonical, secretAccessKey, 'eu-west-1', 's3tables')}`,
      )
    })

test('without keys in the Secret those of the environment sign, and where there are none it says what to do', async () => {
  const before = { ...process.env }
  try {
    process.env.AWS_ACCESS_KEY_ID = 'AKIDENV'
    process.env.AWS_SECRET_ACCESS_KEY = secretAccessKey
    assert.match((await signer({})(requests[0]![0])).authorization!, /Credential=AKIDENV\//)
    delete process.env.AWS_ACCESS_KEY_ID
    process.env.AWS_EC2_METADATA_DISABLED = 'true'
    process.env.AWS_SHARED_CREDENTIALS_FILE = process.env.AWS_CONFIG_FILE = '/dev/null'
    await assert.rejects(signer({})(requests[0]![0]), { code: 'DENIED', message: /spec\.iceberg\.catalog\.secretRef/ })
  } finally {
    process.env = before
  }
})
