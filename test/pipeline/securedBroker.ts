/**
 * A real broker that asks who is there: beside its plain listener one with SASL, one with SASL over TLS, one that wants a
 * client certificate, and two that want tokens. Needs openssl beside what hack/kafka needs.
 */
import { execFile } from 'node:child_process'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from '../../hack/freePorts.ts'
import { createAuthority } from '../authority.ts'
import { startBroker, type TestBroker } from '../kafka/broker.ts'
import { audience, issuer } from './tokenServer.ts'

const run = promisify(execFile)

export interface Certificates {
  readonly ca: string
  readonly clientCertificate: string
  readonly clientKey: string
}

export interface SecuredBroker extends TestBroker {
  /** `host:port` of the listeners. */
  readonly login: string
  readonly loginOverTls: string
  readonly clientCertificate: string
  readonly token: string
  /** Wants a new login after 12 s (KIP-368). */
  readonly tokenSessions: string
  readonly certificates: Certificates
  /** The user of SCRAM-SHA-256 and SCRAM-SHA-512. */
  setScramPassword(password: string): Promise<void>
}

export const username = 'reader'

/** `password` is the one for PLAIN; for SCRAM there is none yet. `jwks` are the keys that sign tokens (RFC 7517). */
export async function startSecuredBroker(password: string, jwks = '{"keys":[]}'): Promise<SecuredBroker> {
  const broker = await startBroker()
  await broker.halt()
  const certificates = await createCertificates(broker.directory)
  const ports = await freePorts(listeners.length)
  const properties = join(broker.directory, 'server.properties')
  await writeFile(properties, withListeners(await readFile(properties, 'utf8'), ports))
  await appendFile(properties, securityOf(broker.directory, password))
  const keys = join(broker.directory, 'jwks.json')
  await writeFile(keys, jwks)
  // Read by hack/kafka: where brokers take keys from is no matter of their configuration alone.
  process.env.KAFKA_OPTS = `-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://${keys}`
  await broker.resume()
  const address = (listener: (typeof listeners)[number]) => `127.0.0.1:${ports[listeners.indexOf(listener)]}`
  return {
    ...broker,
    login: address('LOGIN'),
    loginOverTls: address('LOGIN_TLS'),
    clientCertificate: address('CERTIFICATE'),
    token: address('TOKEN'),
    tokenSessions: address('TOKEN_SESSIONS'),
    certificates,
    setScramPassword: next => setScramPassword(broker.bootstrapServers, next),
  }
}

const listeners = ['LOGIN', 'LOGIN_TLS', 'CERTIFICATE', 'TOKEN', 'TOKEN_SESSIONS'] as const

function withListeners(properties: string, ports: readonly number[]): string {
  const added = listeners.map((name, index) => `,${name}://127.0.0.1:${ports[index]}`).join('')
  return properties.replace(/^((?:advertised\.)?listeners=.*)$/gm, `$1${added}`)
}

function securityOf(directory: string, password: string): string {
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule'
  const logins = ['login', 'login_tls'].flatMap(name => [
    `listener.name.${name}.plain.sasl.jaas.config=${plain} required user_${username}="${password}";`,
    `listener.name.${name}.scram-sha-256.sasl.jaas.config=${scram} required;`,
    `listener.name.${name}.scram-sha-512.sasl.jaas.config=${scram} required;`,
  ])
  const lines = [
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT,LOGIN_TLS:SASL_SSL,CERTIFICATE:SSL,TOKEN:SASL_PLAINTEXT,TOKEN_SESSIONS:SASL_PLAINTEXT',
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    ...logins,
    ...['token', 'token_sessions'].flatMap(name => tokensOf(name, directory)),
    'listener.name.token_sessions.oauthbearer.connections.max.reauth.ms=12000',
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${directory}/server.pem`,
    'ssl.truststore.type=PEM',
    `ssl.truststore.location=${directory}/ca.crt`,
    'listener.name.certificate.ssl.client.auth=required',
    // A wrong password must not make a test wait.
    'connection.failed.authentication.delay.ms=0',
  ]
  return `\n${lines.join('\n')}\n`
}

function tokensOf(listener: string, directory: string): readonly string[] {
  const bearer = 'org.apache.kafka.common.security.oauthbearer'
  return [
    'sasl.enabled.mechanisms=OAUTHBEARER',
    `oauthbearer.sasl.jaas.config=${bearer}.OAuthBearerLoginModule required;`,
    `oauthbearer.sasl.server.callback.handler.class=${bearer}.OAuthBearerValidatorCallbackHandler`,
    `sasl.oauthbearer.jwks.endpoint.url=file://${directory}/jwks.json`,
    `sasl.oauthbearer.expected.issuer=${issuer}`,
    `sasl.oauthbearer.expected.audience=${audience}`,
  ].map(line => `listener.name.${listener}.${line}`)
}

/** One authority, a certificate of the broker for 127.0.0.1 and one of a client. */
async function createCertificates(directory: string): Promise<Certificates> {
  const { ca, issue } = await createAuthority()
  const [server, client] = [await issue('broker'), await issue('consumer')]
  await writeFile(join(directory, 'ca.crt'), ca)
  await writeFile(join(directory, 'server.pem'), server.key + server.certificate)
  return { ca, clientCertificate: client.certificate, clientKey: client.key }
}

async function setScramPassword(bootstrapServers: string, password: string): Promise<void> {
  const script = join(import.meta.dirname, '../../hack/kafka')
  const classPath = (await run(script, ['jars'])).stdout.trim()
  const java = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', classPath, 'kafka.admin.ConfigCommand']
  const user = ['--bootstrap-server', bootstrapServers, '--alter', '--entity-type', 'users', '--entity-name', username]
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'])
    await run('java', [...java, ...user, '--add-config', `${mechanism}=[password=${password}]`])
}
