/** The properties of a REST catalog as its client takes them: the first that is malformed ends it. Pure. */
import * as contract from '../../contract/restSettings.ts'
import { CatalogError } from '../catalog.ts'

export type { OAuth2Settings, RestSettings, SigV4Settings } from '../../contract/restSettings.ts'

/** @throws CatalogError DENIED naming the property that is malformed */
export const restSettings = (properties: Readonly<Record<string, string>>): contract.RestSettings =>
  contract.restSettings(properties, ({ path, value, what, fix }) => {
    const shown = value === undefined ? '' : `${value} `
    throw new CatalogError('DENIED', `${path.join('.')} ${shown}${what}; ${fix}`)
  })
