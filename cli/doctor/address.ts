/**
 * Addresses that the user gives: parsed, joined with a path, and shown without what they keep secret (user, password,
 * query). Pure; it requests nothing.
 */

export interface Address {
  /** Without user and password. */
  readonly url: URL
  /** For the Authorization header, where the address names a user. */
  readonly authorization?: string
  /** Without user, password and query; without a slash at its end. */
  readonly shown: string
}

/** Undefined where the text is no http or https address. */
export function parseAddress(text: string): Address | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`
  url.username = ''
  url.password = ''
  url.hash = ''
  url.pathname = url.pathname.replace(/\/+$/, '')
  return {
    url,
    ...(credentials !== ':' && { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
    shown: withoutSecrets(url.href).replace(/\/$/, ''),
  }
}

/** A per cent sign that begins no escape stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The address of a path below the base. A query of the base is kept: it may hold the token that a proxy asks for. */
export function below({ url }: Address, path: string, query: Readonly<Record<string, string>> = {}): URL {
  const joined = new URL(url)
  joined.pathname = joined.pathname.replace(/\/$/, '') + path
  for (const [name, value] of Object.entries(query)) joined.searchParams.set(name, value)
  return joined
}

/** The text, with neither user info nor query in any address that it names. */
export const withoutSecrets = (text: string): string =>
  text.replace(
    /([a-z][a-z0-9+.-]*:\/\/)([^\s"'<>]+)/gi,
    (_, scheme: string, rest: string) => scheme + rest.replace(/^[^/?#]*@/, '').replace(/[?#].*$/, ''),
  )

/** As much as can be shown of a text that was meant to be an address. */
export const withoutCredentials = (text: string): string => text.replace(/^.*@/s, '…@').replace(/[?#].*$/s, '')

const loopback = /^(localhost|127(\.\d+){3}|\[::1\]|0\.0\.0\.0|\[::\])$/

/** Also where the scheme implies it. */
export function portOf(url: string): string {
  const { port, protocol } = new URL(url)
  return port || (protocol === 'https:' ? '443' : '80')
}

/** Whether both name the same port of the same host; the names of this machine count as one. */
export function sameServer(one: string, other: string): boolean {
  if (!URL.canParse(one) || !URL.canParse(other)) return false
  const host = (url: string) => new URL(url).hostname.replace(loopback, 'loopback')
  return portOf(one) === portOf(other) && host(one) === host(other)
}
