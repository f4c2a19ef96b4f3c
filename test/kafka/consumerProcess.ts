/** A consumer in a process of its own, to be killed: prints what happens with the milliseconds since its start. */

import { createKafkaSource } from '../../runtime/source/kafkaSource.ts'
import { createMemberRecords } from '../../runtime/source/memberRecords.ts'
import { createRecorder } from '../runtime/source/recorder.ts'
import { silentLogger } from './broker.ts'

const [bootstrapServers = '', topic = '', folder = '', sessionTimeoutMs = ''] = process.argv.slice(2)
const groupId = `group-of-${topic}`
const print = (what: string) => console.log(`${what} after ${Math.round(performance.now())} ms`)
const source = createKafkaSource({
  connection: { bootstrapServers: [bootstrapServers], clientId: `process-${process.pid}` },
  groupId,
  topics: [topic],
  sessionTimeoutMs: Number(sessionTimeoutMs),
  memberRecords: createMemberRecords(folder, groupId),
  logger: silentLogger,
})
const recorder = createRecorder(source)
await source.start({
  ...recorder,
  assigned(epoch, partitions) {
    recorder.assigned(epoch, partitions)
    print(`assigned ${partitions.length}`)
  },
  async batch(batch) {
    await recorder.batch(batch)
    print(`batch ${batch.start}`)
  },
})
