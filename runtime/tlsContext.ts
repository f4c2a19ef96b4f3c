/** What connections over TLS have in common: whom a server is checked against, and what it is shown. */
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'

/** Contents (PEM). */
export interface TlsIdentity {
  /** Certificate authorities, and no others; by default the system's and Node's own. */
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** Node's own list alone would refuse what a machine was told to trust. */
const systemAuthorities = () => [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]

/** Throws where the contents are no certificates, or no key. To be made once: reading the system's takes milliseconds. */
export const tlsContext = ({ ca, cert, key }: TlsIdentity = {}): SecureContext =>
  createSecureContext({ ca: ca ?? systemAuthorities(), cert, key })

const handshakeCode =
  /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|ERROR_IN_CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/

/** Whether that `code` of an error says that a TLS handshake failed: of Node, OpenSSL, or of verifying a certificate. */
export const isTlsFailure = (code: string): boolean => handshakeCode.test(code)
