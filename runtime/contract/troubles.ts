/**
 * The closed list of troubles: what a running consumer may fail at for a while and tries again by itself. Unlike a halt
 * it ends as soon as what it needs works again. Data only.
 */

/** What each code says is failing. */
export const troubles = {
  BrokersUnreachable: 'no Kafka broker answers',
  BrokersNotReady: 'Kafka answers that it cannot serve now',
  LoginRefused: 'Kafka refuses the credentials, there is no token to log in with, or the TLS handshake failed',
  AccessDenied: 'Kafka denies access to a topic or to the group',
  TopicMissing: 'Kafka has no such topic',
  KafkaFailing: 'Kafka fails for another reason',
  CatalogFailing: 'the catalog cannot be read or written',
  CatalogDenied: 'the catalog refuses the credentials, or what they are used for',
  StorageFailing: 'files of the tables cannot be read or written',
  StorageDenied: 'files of the tables may not be read or written by this user, or with these credentials',
  StorageReadOnly: 'the storage of the tables is read-only',
  StorageFull: 'the storage of the tables is full',
  Failing: 'something fails that has no code of its own; the log says what',
} as const satisfies Record<string, string>

export type TroubleCode = keyof typeof troubles
