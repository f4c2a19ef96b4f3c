/**
 * Storage credentials that a REST catalog vends with a table, found again by the location of a file. In memory only: it
 * never writes one anywhere and never asks a catalog.
 *
 * Source: apache/iceberg open-api/rest-catalog-open-api.yaml LoadTableResult, StorageCredential.
 */
export interface VendedCredential {
  /** Of the locations that it opens, e.g. `s3://bucket/warehouse/db/samples`. */
  readonly prefix: string
  /** With the specification's keys: `s3.access-key-id`, `s3.session-token-expires-at-ms`, `client.region`, … */
  readonly config: Readonly<Record<string, string>>
}

export class VendedCredentials {
  readonly #byTable = new Map<string, readonly VendedCredential[]>()

  /** What was vended for the table before is forgotten. */
  replace(table: string, credentials: readonly VendedCredential[]): void {
    // The newest entry comes last, so that of two tables that share a prefix the fresher credentials count.
    this.#byTable.delete(table)
    if (credentials.length > 0) this.#byTable.set(table, credentials)
  }

  /** The credential with the longest prefix of a file or folder, as the specification wants it chosen. */
  of(location: string): VendedCredential | undefined {
    // A folder may be the prefix itself, whether the one or the other ends with a slash.
    const within = `${location}/`
    let best: VendedCredential | undefined
    for (const credential of [...this.#byTable.values()].flat())
      if (within.startsWith(credential.prefix) && credential.prefix.length >= (best?.prefix.length ?? 0))
        best = credential
    return best
  }
}
