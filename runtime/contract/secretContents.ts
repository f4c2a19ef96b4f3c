/**
 * What a Secret must hold to be of use: asked by the runtime of the files that it reads, and beforehand by the operator.
 * Pure; nothing that a Secret holds gets into a problem.
 */
import { isUtf8 } from 'node:buffer'
import { createPrivateKey, X509Certificate } from 'node:crypto'

/** By key. */
export type SecretContents = Readonly<Record<string, Buffer>>

export interface ContentProblem {
  /** As it follows the name of the Secret. */
  readonly what: string
  readonly fix: string
}

/** Editors and `echo` end a file with a line feed that nobody means. */
export const withoutLineEnd = (text: string): string => text.replace(/\r?\n$/, '')

/** Why bytes are no text; undefined where they are. */
export const textProblem = (bytes: Buffer): 'empty' | 'no text' | undefined =>
  isUtf8(bytes) && withoutLineEnd(String(bytes)) !== '' ? undefined : bytes.length === 0 ? 'empty' : 'no text'

export const pemFix = 'write certificates and key in PEM form, the key without a passphrase'

/** Throws what OpenSSL says where a certificate cannot be read, or there is none: Node would take that for an empty list. */
export function readCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new RangeError('no certificate')
  return blocks.map(block => new X509Certificate(block))
}

/** Throws where the key is not that of the certificate, or either cannot be read. */
export function readKeyPair(certificate: string, key: string): void {
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)))
    throw new RangeError('the key is not that of the certificate')
}

/** What OpenSSL could not read, never what it read. */
export const pemFailure = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? (error instanceof RangeError ? message : 'not readable')
}

/** What a catalog's Secret may hold; those of AWS sign the requests to a catalog that wants SigV4. */
export const catalogKeys = [
  'token',
  'clientId',
  'clientSecret',
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
] as const

/** A key of the list needs its partner. */
const partners: readonly (readonly [string, string])[] = [
  ['clientId', 'clientSecret'],
  ['accessKeyId', 'secretAccessKey'],
]

/** `keys` are those of `catalogKeys` that a Secret has. */
export function catalogKeysProblem(keys: ReadonlySet<string>): ContentProblem | undefined {
  const half = partners.find(pair => pair.filter(key => keys.has(key)).length === 1)
  if (half !== undefined) return { what: `has one of ${half.join(' and ')} alone`, fix: 'give it both' }
  if (keys.size > 0) return undefined
  return {
    what: 'has no key that a catalog takes',
    fix: 'give it a key token, or clientId and clientSecret, or accessKeyId and secretAccessKey',
  }
}

/** What the Secret of a login with OAuth must hold, and what it may. */
export const oauthKeys = ['tokenEndpoint', 'clientId', 'clientSecret'] as const
/** Sent to the brokers as SASL extensions (KIP-342) of the same names, which Confluent Cloud asks for. */
export const oauthExtensions = ['logicalCluster', 'identityPoolId'] as const
export const optionalOauthKeys = ['scope', 'ca.crt', ...oauthExtensions] as const

/** Asked of all that a Secret holds; undefined where it is of use, as far as its content can tell. */
export type ContentCheck = (contents: SecretContents) => ContentProblem | undefined

/** Each of the keys that is there is text. */
export const texts =
  (keys: readonly string[]): ContentCheck =>
  contents => {
    for (const key of keys) {
      const bytes = Object.hasOwn(contents, key) ? contents[key] : undefined
      const problem = bytes && textProblem(bytes)
      if (problem) return { what: `key ${key} is ${problem}`, fix: 'write it again, as UTF-8 text' }
    }
    return undefined
  }

/** The key holds certificates of authorities, where it is there. */
export const authorities =
  (key: string): ContentCheck =>
  contents =>
    texts([key])(contents) ?? readable(contents, [key], `key ${key}`, ([pem]) => readCertificates(pem!))

/** `tls.crt` and `tls.key` belong together, where they are there. */
export const keyPair: ContentCheck = contents => {
  const keys = ['tls.crt', 'tls.key']
  return (
    texts(keys)(contents) ?? readable(contents, keys, keys.join(' with '), ([cert, key]) => readKeyPair(cert!, key!))
  )
}

export const catalogLogin: ContentCheck = contents =>
  texts(catalogKeys)(contents) ?? catalogKeysProblem(new Set(catalogKeys.filter(key => Object.hasOwn(contents, key))))

export const oauthLogin: ContentCheck = contents =>
  texts([...oauthKeys, ...optionalOauthKeys])(contents) ??
  endpointProblem(contents) ??
  extensionProblem(contents) ??
  authorities('ca.crt')(contents)

const lineOf = (contents: SecretContents, key: string): string | undefined =>
  Object.hasOwn(contents, key) ? withoutLineEnd(String(contents[key])) : undefined

function endpointProblem(contents: SecretContents): ContentProblem | undefined {
  const text = lineOf(contents, 'tokenEndpoint')
  if (text === undefined) return undefined
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    return { what: 'key tokenEndpoint is no address', fix: 'write https://HOST/PATH' }
  if (url.username === '' && url.password === '') return undefined
  return { what: 'key tokenEndpoint holds a login', fix: 'write it into the keys clientId and clientSecret' }
}

/** RFC 7628 section 3.1: what else stands there would end the message. */
function extensionProblem(contents: SecretContents): ContentProblem | undefined {
  const key = oauthExtensions.find(name => !/^[\x20-\x7e]*$/.test(lineOf(contents, name) ?? ''))
  return key && { what: `key ${key} holds what is no printable ASCII`, fix: 'write one line of ASCII' }
}

function readable(
  contents: SecretContents,
  keys: readonly string[],
  name: string,
  read: (texts: readonly string[]) => unknown,
): ContentProblem | undefined {
  if (!keys.every(key => Object.hasOwn(contents, key))) return undefined
  try {
    read(keys.map(key => String(contents[key])))
    return undefined
  } catch (error) {
    return { what: `${name} cannot be used (${pemFailure(error)})`, fix: pemFix }
  }
}
