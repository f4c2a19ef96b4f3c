/** What is said to a broker, byte by byte, and what its answers mean. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AuthenticationProviderArgs, Kafka, logLevel } from 'kafkajs'
import { oauthBearer } from '../../../runtime/source/oauthBearer.ts'

type Exchange = AuthenticationProviderArgs['saslAuthenticate']

/** After their length, as kafkajs gives them. */
const framed = (text: string): Buffer => {
  const bytes = Buffer.from(`    ${text}`)
  bytes.writeInt32BE(bytes.length - 4)
  return bytes
}
const logger = new Kafka({ brokers: ['a:1'], logLevel: logLevel.NOTHING }).logger()

/** Logs in at a broker that answers so, one answer a message. */
async function login(answers: readonly (string | Error)[], extensions: Readonly<Record<string, string>> = {}) {
  const said: string[] = []
  const refused: string[] = []
  const saslAuthenticate: Exchange = async ({ request, response }) => {
    const bytes = Buffer.from(await request.encode())
    assert.equal(bytes.readInt32BE(), bytes.length - 4)
    const answer = answers[said.push(bytes.subarray(4).toString()) - 1]!
    if (answer instanceof Error) throw answer
    return response?.parse(await response.decode(framed(answer)))
  }
  const { authenticationProvider } = oauthBearer(
    async () => ({ token: 'canary-token', extensions }),
    token => refused.push(token),
  )
  const authenticator = authenticationProvider({ host: 'kafka', port: 9092, logger, saslAuthenticate })
  const error = await authenticator.authenticate().then(
    () => undefined,
    (thrown: Error & { code?: string }) => thrown,
  )
  return { said, refused, error }
}

test('a token that is taken', async () => {
  const { said, refused, error } = await login([''])
  assert.equal(error, undefined)
  assert.deepEqual(said, ['n,,\x01auth=Bearer canary-token\x01\x01'])
  assert.deepEqual(refused, [])
})

test('SASL extensions follow the token', async () => {
  const { said } = await login([''], { logicalCluster: 'lkc-1', identityPoolId: 'pool-1' })
  assert.deepEqual(said, ['n,,\x01auth=Bearer canary-token\x01logicalCluster=lkc-1\x01identityPoolId=pool-1\x01\x01'])
})

const refusal = () => Object.assign(new Error('canary'), { type: 'SASL_AUTHENTICATION_FAILED' })

for (const [what, answers, exchanges, status] of [
  ['by a status', ['{"status":"invalid_token","canary":1}', refusal()], 2, ' (invalid_token)'],
  ['by a status of its own', ['{"status":"canary"}', refusal()], 2, ''],
  ['by text', ['canary', refusal()], 2, ''],
  [
    'by a broker that then ends the connection',
    ['{"status":"invalid_token"}', new Error('closed')],
    2,
    ' (invalid_token)',
  ],
  ['by an error', [refusal()], 1, ''],
] as const)
  test(`a token that is refused ${what}`, async () => {
    const { said, refused, error } = await login(answers)
    assert.equal(error?.code, 'TOKEN_REFUSED')
    assert.ok(error.message.startsWith(`Kafka at kafka:9092 refuses the token${status}: see that`), error.message)
    assert.doesNotMatch(error.message, /canary/)
    assert.deepEqual(refused, ['canary-token'])
    assert.deepEqual(said.slice(1), exchanges === 2 ? ['\x01'] : [])
  })

test('a connection that breaks is no refusal', async () => {
  const { refused, error } = await login([new Error('closed')])
  assert.equal(error?.message, 'closed')
  assert.deepEqual(refused, [])
})
