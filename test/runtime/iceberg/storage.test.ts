import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after } from 'node:test'
import { inMemoryStorage } from '../../../runtime/iceberg/inMemoryStorage.ts'
import { localStorage, locationOf } from '../../../runtime/iceberg/localStorage.ts'
import { counting } from './fixtures.ts'
import { storageContract } from './storageContract.ts'

storageContract('in-memory', inMemoryStorage(Date.now), () => 'memory:///root')

const folder = await mkdtemp(`${tmpdir()}/storage-`)
after(() => rm(folder, { recursive: true }))
storageContract('local', localStorage(counting()), () => locationOf(folder))
