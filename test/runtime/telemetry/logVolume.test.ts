/** How much a run logs: with rounds and events, never with records. The real classifier, observers and writers. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { createPayload } from '../../../cli/payloads.ts'
import { checkHealthConsumer } from '../../../crds/problems.ts'
import { runtimeConfiguration } from '../../../runtime/contract/configuration.ts'
import { dataTypes } from '../../../runtime/contract/dataTypes.ts'
import { errorsTableWriter, rawTableWriter } from '../../../runtime/iceberg/tableWriter.ts'
import { createObservers, type Tally } from '../../../runtime/observers.ts'
import { createParts } from '../../../runtime/parts.ts'
import { createPipeline } from '../../../runtime/pipeline.ts'
import { createInMemoryKafka, type RecordToProduce } from '../../../runtime/source/inMemoryKafka.ts'
import { getLogger, setupLogging } from '../../../runtime/telemetry/logging.ts'
import { createMetrics } from '../../../runtime/telemetry/metrics.ts'
import { minimal } from '../../crds/minimal.ts'
import { group } from '../commit/lake.ts'
import { PipelineWorld, topic } from '../pipelineWorld.ts'

after(() => void setupLogging({}, { write() {} }))

const tables = { raw: 'health_data_raw', errors: 'health_data_errors' }
const payloads = { seed: 7, samplesPerPayload: 2, invalidShare: 0.3 }

/** In turn: valid and invalid samples, no JSON, a type that nobody knows, a tombstone. */
function record(index: number): RecordToProduce {
  const values = [
    createPayload(payloads, index).value,
    Buffer.from(`{"userId": "alice", bad ${index}`),
    Buffer.from(JSON.stringify({ userId: 'alice', samples: [{ id: `s${index}`, type: `novelty-${index}` }] })),
    null,
  ]
  return { value: values[index % values.length]!, timestampMs: 1_700_000_000_000 }
}

interface Run {
  /** At INFO and above. */
  readonly lines: readonly string[]
  readonly tally: Readonly<Tally>
}

/** Consumes so many records, all there when the run begins, until they are committed. */
async function runOver(records: number): Promise<Run> {
  const lines: string[] = []
  setupLogging({ logLevel: 'info' }, { write: line => void lines.push(line) })
  const world = Object.assign(new PipelineWorld(), { kafka: createInMemoryKafka() })
  world.kafka.createTopic(topic)
  world.kafka.produce(
    topic,
    0,
    Array.from({ length: records }, (_, index) => record(index)),
  )

  const { now, sleep } = world.clock
  const { resource } = checkHealthConsumer(minimal())
  const configuration = runtimeConfiguration(resource!)
  const metrics = createMetrics({ version: '1.2.3', tables, dataTypes: Object.keys(dataTypes), now })
  const logger = getLogger('runtime')
  const observers = createObservers({ metrics, logger, tables: { namespace: 'db', ...tables }, now })
  const { positions, classify } = await createParts({
    configuration,
    metrics,
    observers,
    stateDirectory: '/nonexistent',
  })
  const writing = {
    storage: world.lake.storage,
    compression: { name: 'none' as const },
    targetFileSizeBytes: 1 << 27,
    newName: randomUUID,
  }
  const limits = { maxRows: 1e9, maxBufferedBytes: 1e9, maxOpenPartitions: 1e9 }
  const pipeline = createPipeline(
    { intervalMs: 10_000, auditIntervalMs: 60_000, graceMs: 5_000, ...limits },
    {
      source: world.kafka.source(group, [topic]),
      protocol: world.protocol(),
      classify,
      openWriters: ({ rawTable, errorsTable, pendingFolder }) => ({
        raw: rawTableWriter({ ...writing, table: rawTable, folder: `${rawTable.location}/data` }),
        errors: errorsTableWriter({ ...writing, table: errorsTable, folder: pendingFolder }),
      }),
      now,
      random: () => 0.5,
      sleep,
      observer: observers.pipeline,
    },
  )
  const ended = pipeline.run()
  await world.untilCommitted(records)
  const stopped = pipeline.stop()
  await world.clock.until('the pipeline stops', () => stopped.then(() => true))
  await Promise.all([ended, positions.close()])
  return { lines, tally: observers.tally }
}

test('lines at INFO and above do not grow with the number of records, whatever the records are', async () => {
  const [few, many] = [await runOver(1_000), await runOver(12_000)]
  for (const [{ tally }, records] of [
    [few, 1_000],
    [many, 12_000],
  ] as const) {
    assert.equal(tally.records, records)
    assert.ok(tally.valid > records / 4 && tally.invalid > records / 2, JSON.stringify(tally))
  }
  const messages = ({ lines }: Run) => lines.map(line => JSON.parse(line).message)
  assert.ok(messages(few).includes('Checkpoint completed'))
  // Each round says that it begins and ends, and more records may take more rounds.
  const ofRun = (run: Run) => messages(run).filter(message => !message.startsWith('Checkpoint'))
  const perRound = (run: Run) => (run.lines.length - ofRun(run).length) / run.tally.commits
  assert.deepEqual(ofRun(many), ofRun(few))
  assert.deepEqual([perRound(many), perRound(few)], [2, 2])
  assert.ok(many.tally.commits <= few.tally.commits + 2, `${many.tally.commits} rounds`)
  for (const line of [...few.lines, ...many.lines]) assert.doesNotMatch(line, /alice|novelty/)
})
