import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { inspect } from 'node:util'
import { requireExclusiveCreate } from '../../../runtime/iceberg/exclusiveCreate.ts'
import { inMemoryStorage } from '../../../runtime/iceberg/inMemoryStorage.ts'
import { type S3StorageOptions, s3Storage } from '../../../runtime/iceberg/s3Storage.ts'
import { StorageError, type StorageErrorCode } from '../../../runtime/iceberg/storage.ts'
import { VendedCredentials } from '../../../runtime/iceberg/vendedCredentials.ts'
import { type Answer, type Fault, type S3Stub, s3Error, s3Stub } from './s3Stub.ts'

const opened: { close(): void }[] = []
afterEach(() => {
  for (const each of opened.splice(0)) each.close()
})

const secretAccessKey = 'a-secret-that-nobody-may-see'
const location = 's3://lake/w/db/samples/metadata/v2.metadata.json'
const large = 's3://lake/w/db/samples/data/a.parquet'

type Storage = ReturnType<typeof s3Storage>

async function bench(options: Partial<S3StorageOptions> = {}): Promise<{ stub: S3Stub; storage: Storage }> {
  const stub = await s3Stub()
  const storage = s3Storage({
    endpoint: stub.endpoint,
    pathStyle: true,
    credentials: async () => ({ accessKeyId: 'OWN', secretAccessKey }),
    ...options,
    limits: {
      attempts: 4,
      firstWaitMs: 1,
      maxWaitMs: 4,
      multipartFromBytes: 100,
      partBytes: 30,
      partsAtATime: 2,
      ...options.limits,
    },
  })
  opened.push(storage, stub)
  return { stub, storage }
}

/** The fault for the first request of the operation, the last argument for every other. */
const first =
  (operation: string, fault: Fault, others?: Fault) =>
  (request: { readonly operation: string }, nth: number): Fault | undefined =>
    request.operation === operation ? (nth === 1 ? fault : others) : undefined

/** Rejects so, and shows no secret and nothing of what the server wrote, however deep one looks. */
async function rejected(promise: Promise<unknown>, code: StorageErrorCode, message = /./): Promise<void> {
  await assert.rejects(promise, error => {
    assert.ok(error instanceof StorageError)
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    assert.match(error.message, /s3:\/\/lake\//)
    const shown = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })
    assert.doesNotMatch(shown, /a-secret-that|secret\+x|a person's name|Signature=|OWN/)
    return true
  })
}

for (const fault of [
  'lost',
  'resent',
  'dropped',
  s3Error(500, 'InternalError'),
  s3Error(409, 'ConditionalRequestConflict'),
] as const)
  test(`a file is created by the call whose first request met ${inspect(fault, { breakLength: Infinity })}`, async () => {
    const { stub, storage } = await bench()
    stub.fault = first('PutObject', fault)
    await storage.create(location, Buffer.from('{}'))
    assert.equal((await storage.read(location)).toString(), '{}')
    await rejected(storage.create(location, Buffer.from('{}')), 'EXISTS')
  })

test("another writer's file of the very same bytes is never taken for our own", async () => {
  const { stub, storage } = await bench()
  stub.fault = ({ operation, key }, nth) => {
    if (operation !== 'PutObject' || nth > 1) return undefined
    stub.objects.set(key, { bytes: Buffer.from('{}'), metadata: { 'x-amz-meta-healthconsumer-write': 'of another' } })
    return 'dropped'
  }
  await rejected(storage.create(location, Buffer.from('{}')), 'EXISTS')
})

test('an outcome that cannot be found out is UNAVAILABLE, after a bounded number of requests', async () => {
  const { stub, storage } = await bench()
  stub.fault = () => s3Error(503, 'SlowDown')
  await rejected(storage.create(location, Buffer.from('{}')), 'UNAVAILABLE', /SlowDown, HTTP 503/)
  assert.equal(stub.received.length, 4)
})

test('a server that asks for a longer wait than there is time for is not asked again', async () => {
  const { stub, storage } = await bench({ limits: { totalMs: 30_000 } })
  stub.fault = () => s3Error(503, 'SlowDown', { 'retry-after': '3600' })
  await rejected(storage.read(location), 'UNAVAILABLE')
  assert.equal(stub.received.length, 1)
})

test('a server that never answers is given up, and each request has its time limit', async () => {
  const { stub, storage } = await bench({ limits: { requestTimeoutMs: 30, attempts: 2 } })
  stub.fault = () => 'silent'
  await rejected(storage.read(location), 'UNAVAILABLE')
  await rejected(storage.create(location, Buffer.from('{}')), 'UNAVAILABLE')
  stub.objects.set('w/file', { bytes: Buffer.alloc(300_000), metadata: {} })
  stub.fault = () => 'stalled'
  await rejected(storage.read('s3://lake/w/file'), 'UNAVAILABLE')
  assert.equal(stub.received.length, 6)
})

test('a server that cannot be reached is UNAVAILABLE and named by its address', async () => {
  const { stub, storage } = await bench()
  stub.close()
  await rejected(storage.read(location), 'UNAVAILABLE', /ECONNREFUSED/)
})

test('the bucket is a folder of the endpoint, or a host below it', async () => {
  const options = { endpoint: 'http://s3.invalid', limits: { attempts: 1 } }
  const byPath = await bench({ ...options, pathStyle: true })
  const byHost = await bench({ ...options, pathStyle: false })
  const host = async (storage: Storage) => {
    const error = await storage.read(location).catch((error: unknown) => error)
    return error instanceof StorageError && error.cause instanceof Error ? error.cause.message.split(' ').at(-1) : error
  }
  assert.equal(await host(byPath.storage), 's3.invalid')
  assert.equal(await host(byHost.storage), 'lake.s3.invalid')
})

test('a file that arrives cut short is read again, and never handed out', async () => {
  const { stub, storage } = await bench()
  const bytes = Buffer.alloc(300_000, 'x')
  stub.objects.set('w/file', { bytes, metadata: {} })
  stub.fault = first('GetObject', 'cut')
  assert.deepEqual(await storage.read('s3://lake/w/file'), bytes)
  stub.fault = () => 'cut'
  await rejected(storage.read('s3://lake/w/file'), 'UNAVAILABLE')
})

const refusals: readonly [Answer, StorageErrorCode, RegExp][] = [
  [s3Error(404, 'NoSuchKey'), 'NOT_FOUND', /NoSuchKey/],
  [s3Error(404, 'NoSuchBucket'), 'UNAVAILABLE', /no such bucket.*s3:\/\/lake\//],
  [s3Error(403, 'AccessDenied'), 'DENIED', /s3:ListBucket/],
  [s3Error(403, 'InvalidAccessKeyId'), 'DENIED', /wrong or expired/],
  [s3Error(403, 'SignatureDoesNotMatch'), 'DENIED', /wrong or expired/],
  [s3Error(400, 'ExpiredToken'), 'DENIED', /wrong or expired/],
  [s3Error(403, 'QuotaExceeded'), 'NO_SPACE', /quota/],
  [s3Error(507, 'XMinioStorageFull'), 'NO_SPACE', /free space/],
  [s3Error(400, 'KMS.DisabledException'), 'DENIED', /serverSideEncryption/],
  [s3Error(301, 'PermanentRedirect'), 'UNAVAILABLE', /region/],
  [s3Error(403, 'SomethingNew'), 'DENIED', /SomethingNew, HTTP 403/],
  [s3Error(418, 'Teapot'), 'UNAVAILABLE', /Teapot, HTTP 418/],
  // A key where the code is expected.
  [s3Error(500, 'A B/secret+x='), 'UNAVAILABLE', /HTTP 500/],
  // What a proxy says that knows no S3.
  [{ status: 404, body: "<html>a person's name</html>" }, 'UNAVAILABLE', /endpoint/],
  [{ status: 502, body: "a person's name" }, 'UNAVAILABLE', /HTTP 502/],
]
for (const [answer, code, message] of refusals)
  test(`${answer.status} ${/<Code>.*<\/Code>/.exec(String(answer.body))?.[0] ?? 'of a proxy'} is ${code}`, async () => {
    const { stub, storage } = await bench()
    stub.fault = () => answer
    await rejected(storage.read(location), code, message)
    await rejected(storage.create(location, Buffer.from('{}')), code, message)
    await rejected(Array.fromAsync(storage.list('s3://lake/w')), code, message)
    if (code === 'NOT_FOUND') assert.equal(await storage.size(location), undefined)
    else await rejected(storage.size(location), code, message)
  })

test('a file has its size, an empty one 0, and a server that knows no ranges tells a size too', async () => {
  const { stub, storage } = await bench()
  await storage.create('s3://lake/w/empty', Buffer.alloc(0))
  await storage.create('s3://lake/w/file', Buffer.from('1234'))
  assert.equal(await storage.size('s3://lake/w/file'), 4)
  assert.equal(await storage.size('s3://lake/w/empty'), 0)
  assert.deepEqual(await storage.read('s3://lake/w/empty'), Buffer.alloc(0))
  stub.fault = () => ({ status: 200, body: Buffer.alloc(5_000_000) })
  assert.equal(await storage.size('s3://lake/w/large'), 5_000_000)
})

const known =
  (...ids: readonly string[]) =>
  (request: { readonly accessKeyId: string }) =>
    ids.includes(request.accessKeyId) ? undefined : s3Error(403, 'InvalidAccessKeyId')

test('rotated credentials are taken up by the request that is refused, without a restart', async () => {
  let accessKeyId = 'OWN-1'
  const { stub, storage } = await bench({ credentials: async () => ({ accessKeyId, secretAccessKey }) })
  stub.fault = known('OWN-1')
  await storage.create(location, Buffer.from('{}'))
  stub.fault = known('OWN-2')
  await rejected(storage.read(location), 'DENIED')
  accessKeyId = 'OWN-2'
  const reads = Array.from({ length: 5 }, () => storage.read(location))
  for (const read of await Promise.all(reads)) assert.equal(read.toString(), '{}')
  stub.received.length = 0
  await storage.read(location)
  assert.deepEqual(
    stub.received.map(each => each.accessKeyId),
    ['OWN-2'],
  )
})

test('credentials that are refused and stay the same are not tried again', async () => {
  const { stub, storage } = await bench()
  stub.fault = known('OTHER')
  await rejected(storage.read(location), 'DENIED')
  assert.equal(stub.received.length, 1)
})

test('credentials that cannot be read are DENIED with the reason, and read again by the next call', async () => {
  let readable = false
  const { storage } = await bench({
    credentials: async () => {
      if (!readable) throw new Error('Secret lake has no key accessKeyId')
      return { accessKeyId: 'OWN', secretAccessKey }
    },
  })
  await rejected(storage.create(location, Buffer.from('{}')), 'DENIED', /Secret lake has no key/)
  readable = true
  await storage.create(location, Buffer.from('{}'))
})

const vend = (id: string) => ({
  's3.access-key-id': id,
  's3.secret-access-key': 's',
  's3.session-token': `token-${id}`,
})

test('vended credentials are used where they are for, ours elsewhere, and fresh ones at once', async () => {
  const vended = new VendedCredentials()
  const { stub, storage } = await bench({ vended })
  vended.replace('db.samples', [{ prefix: 's3://lake/w/db/samples', config: vend('VENDED-1') }])
  await storage.create(location, Buffer.from('{}'))
  await storage.create('s3://lake/w/other', Buffer.from('{}'))
  vended.replace('db.samples', [{ prefix: 's3://lake/w/db/samples', config: vend('VENDED-2') }])
  await storage.read(location)
  assert.deepEqual(
    stub.received.map(({ accessKeyId, headers }) => [accessKeyId, headers['x-amz-security-token']]),
    [
      ['VENDED-1', 'token-VENDED-1'],
      ['OWN', undefined],
      ['VENDED-2', 'token-VENDED-2'],
    ],
  )
})

test('vended credentials that expire are replaced by those that the catalog vended meanwhile, else DENIED', async () => {
  const vended = new VendedCredentials()
  const { stub, storage } = await bench({ vended })
  const replace = (id: string) => vended.replace('db.samples', [{ prefix: 's3://lake/w/db/samples', config: vend(id) }])
  replace('VENDED-1')
  await storage.create(location, Buffer.from('{}'))
  stub.fault = () => s3Error(400, 'ExpiredToken')
  await rejected(storage.read(location), 'DENIED')
  stub.fault = ({ accessKeyId }) => {
    if (accessKeyId === 'VENDED-2') return undefined
    replace('VENDED-2')
    return s3Error(400, 'ExpiredToken')
  }
  assert.equal((await storage.read(location)).toString(), '{}')
})

test('a large file goes up in parts, and is created once like a small one', async () => {
  const { stub, storage } = await bench()
  const bytes = Buffer.from(Array.from({ length: 101 }, (_, index) => index))
  await storage.create(large, bytes)
  assert.deepEqual(await storage.read(large), bytes)
  assert.equal(stub.operations().filter(operation => operation === 'UploadPart').length, 4)
  await rejected(storage.create(large, bytes), 'EXISTS')
  assert.equal(stub.uploads.size, 0)
})

test('a commit is one request, however large', async () => {
  const { stub, storage } = await bench()
  await storage.create(location, Buffer.alloc(101))
  assert.deepEqual(stub.operations(), ['PutObject'])
})

const partFaults: readonly [string, Fault][] = [
  ['CreateMultipartUpload', s3Error(503, 'SlowDown')],
  ['UploadPart', 'lost'],
  ['UploadPart', s3Error(500, 'InternalError')],
  ['CompleteMultipartUpload', 'lost'],
  ['CompleteMultipartUpload', 'resent'],
  ['CompleteMultipartUpload', 'dropped'],
  // S3 may begin an answer of 200 before it knows.
  ['CompleteMultipartUpload', { ...s3Error(500, 'InternalError'), status: 200 }],
  ['CompleteMultipartUpload', s3Error(501, 'NotImplemented')],
]
for (const [operation, fault] of partFaults)
  test(`a large file is whole where ${operation} meets ${inspect(fault, { breakLength: Infinity })} first`, async () => {
    const { stub, storage } = await bench()
    stub.fault = first(operation, fault)
    await storage.create(large, Buffer.alloc(101, 7))
    assert.deepEqual(await storage.read(large), Buffer.alloc(101, 7))
    assert.equal(stub.uploads.size, 0)
  })

for (const operation of ['UploadPart', 'CompleteMultipartUpload'])
  test(`nothing stays of a large file whose ${operation} fails for good`, async () => {
    const { stub, storage } = await bench()
    const failure = s3Error(500, 'InternalError')
    stub.fault = first(operation, failure, failure)
    await rejected(storage.create(large, Buffer.alloc(101)), 'UNAVAILABLE')
    assert.deepEqual([stub.uploads.size, stub.objects.size], [0, 0])
    assert.equal(stub.operations().at(-1), 'AbortMultipartUpload')
  })

test('files are created encrypted as configured, hints and large files too', async () => {
  const { stub, storage } = await bench({ serverSideEncryption: { mode: 'aws:kms', kmsKeyId: 'key-1' } })
  await storage.create(location, Buffer.from('{}'))
  await storage.replace('s3://lake/w/hint', Buffer.from('2'))
  await storage.create(large, Buffer.alloc(101))
  const making = stub.received.filter(({ operation }) => ['PutObject', 'CreateMultipartUpload'].includes(operation))
  assert.equal(making.length, 3)
  for (const { headers } of making) {
    assert.equal(headers['x-amz-server-side-encryption'], 'aws:kms')
    assert.equal(headers['x-amz-server-side-encryption-aws-kms-key-id'], 'key-1')
  }
})

test('an upload asks for nothing that only S3 itself knows', async () => {
  const { stub, storage } = await bench({ limits: { multipartFromBytes: 10_000_000 } })
  await storage.create(large, Buffer.alloc(5_000_000))
  const names = Object.keys(stub.received[0]!.headers)
  assert.deepEqual(
    names.filter(name => /checksum|expect|trailer|content-encoding/.test(name)),
    [],
  )
})

const listing = (contents: string, rest = ''): Answer => ({
  status: 200,
  body: `<?xml version="1.0"?><ListBucketResult>${contents}${rest}</ListBucketResult>`,
})
const entry = (key: string) =>
  `<Contents><Key>${key}</Key><Size>1</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>`

test('a listing is in the spelling of its folder, page after page, without what only stands for a folder', async () => {
  const { stub, storage } = await bench()
  stub.fault = (_, nth) =>
    nth === 1
      ? listing(
          entry('w/') + entry('w/a'),
          '<IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken>',
        )
      : listing(entry('w/b/c'), '<IsTruncated>false</IsTruncated>')
  const files = await Array.fromAsync(storage.list('s3a://lake/w/'))
  const modifiedMs = Date.UTC(2026, 0, 2, 3, 4, 5)
  assert.deepEqual(files, [
    { location: 's3a://lake/w/a', length: 1, modifiedMs },
    { location: 's3a://lake/w/b/c', length: 1, modifiedMs },
  ])
})

for (const fault of ['cut', listing('<Contents><Key>w/')] as const)
  test(`a listing that arrives as ${inspect(fault, { breakLength: Infinity })} is asked for again`, async () => {
    const { stub, storage } = await bench()
    stub.fault = first('ListObjectsV2', fault, listing(entry('w/a')))
    assert.equal((await Array.fromAsync(storage.list('s3://lake/w'))).length, 1)
  })

test('a listing that ends early is a failure, for what it leaves out would be overlooked', async () => {
  const { stub, storage } = await bench()
  stub.fault = () => listing(entry('w/a'), '<IsTruncated>true</IsTruncated>')
  await rejected(Array.fromAsync(storage.list('s3://lake/w')), 'UNAVAILABLE')
  stub.fault = () =>
    listing(entry('w/a'), '<IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken>')
  await rejected(Array.fromAsync(storage.list('s3://lake/w')), 'UNAVAILABLE')
})

const deleting = (errors: string): Answer => ({ status: 200, body: `<DeleteResult>${errors}</DeleteResult>` })
const kept = '<Error><Key>w/2</Key><Code>InternalError</Code><Message>m</Message></Error>'
for (const [what, answer, alone] of [
  ['in one request', deleting(''), 0],
  ['alone where the server kept them', deleting(kept), 1],
  ['alone where the server takes no batches', s3Error(501, 'NotImplemented'), 3],
] as const)
  test(`many files are deleted ${what}`, async () => {
    const { stub, storage } = await bench()
    stub.fault = first('DeleteObjects', answer)
    await storage.deleteMany?.(['s3://lake/w/1', 's3a://lake/w/2', 's3://lake/w/3'])
    assert.equal(stub.operations().filter(operation => operation === 'DeleteObject').length, alone)
    const batch = stub.received.find(({ operation }) => operation === 'DeleteObjects')
    assert.match(String(batch?.body), /w\/1<.*w\/2<.*w\/3</s)
  })

test('many files are deleted with the credentials of each', async () => {
  const vended = new VendedCredentials()
  vended.replace('db.samples', [{ prefix: 's3://lake/w/db/samples', config: vend('VENDED') }])
  const { stub, storage } = await bench({ vended })
  stub.fault = () => deleting('')
  await storage.deleteMany?.([location, 's3://lake/w/1', large])
  const asked = stub.received.map(({ accessKeyId, body }) => [accessKeyId, String(body).match(/<Key>/g)?.length])
  assert.deepEqual(asked, [
    ['VENDED', 2],
    ['OWN', 1],
  ])
})

test('a file that may not be deleted is an error, never taken for gone', async () => {
  const { stub, storage } = await bench()
  stub.fault = ({ operation }) => (operation === 'DeleteObjects' ? deleting(kept) : s3Error(403, 'AccessDenied'))
  await rejected(storage.deleteMany?.(['s3://lake/w/1', 's3://lake/w/2']) ?? Promise.resolve(), 'DENIED')
})

test('each request is told of, with what came of it', async () => {
  const told: string[] = []
  const { stub, storage } = await bench({ observer: (operation, outcome) => told.push(`${operation} ${outcome}`) })
  stub.fault = first('PutObject', 'lost')
  await storage.create(location, Buffer.from('{}'))
  assert.deepEqual(told, ['PutObject UNAVAILABLE', 'PutObject EXISTS', 'GetObject OK'])
})

test('a location that is none is refused before anything is asked', async () => {
  const { stub, storage } = await bench()
  for (const wrong of ['s3://', 's3://lake', 's3://lake/', 's3:///w', '/w/file'])
    await assert.rejects(storage.read(wrong), { name: 'StorageError', code: 'UNAVAILABLE' })
  assert.equal(stub.received.length, 0)
})

test('a server that creates a file twice is refused, before a commit is lost on it', async () => {
  const { stub, storage } = await bench()
  await requireExclusiveCreate(storage, 's3://lake/w/')
  await requireExclusiveCreate(storage, 's3://lake/w')
  assert.equal(stub.objects.size, 1)
  const memory = inMemoryStorage(() => 0)
  const forgetful = { ...memory, create: memory.replace }
  await assert.rejects(requireExclusiveCreate(forgetful, 's3://lake/w'), {
    code: 'UNAVAILABLE',
    message: /If-None-Match/,
  })
})
