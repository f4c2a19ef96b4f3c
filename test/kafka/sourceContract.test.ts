/** The source on a real broker keeps the contract. */
import { createKafkaPositions } from '../../runtime/source/kafkaPositions.ts'
import { createKafkaSource, type KafkaSource } from '../../runtime/source/kafkaSource.ts'
import { sourceContract } from '../runtime/source/contract.ts'
import { silentLogger, startBroker } from './broker.ts'

sourceContract('source and positions on a real broker', async () => {
  const broker = await startBroker()
  const connection = { bootstrapServers: [broker.bootstrapServers], clientId: 'contract' }
  const sources = new Map<string, KafkaSource>()
  const open: { close(): Promise<void> }[] = []
  return {
    createTopic: broker.createTopic,
    produce: (topic, partition, values) =>
      broker.produce(
        topic,
        partition,
        values.map(value => ({ value })),
      ),
    abort: (topic, partition, values) =>
      broker.transact(
        topic,
        partition,
        values.map(value => ({ value })),
        'abort',
      ),
    async begin(topic, partition, value) {
      const producer = await broker.transactionalProducer()
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ partition, value }] })
      return {
        async commit() {
          await transaction.commit()
          await producer.disconnect()
        },
      }
    },
    deleteRecords: broker.deleteRecords,
    source(groupId, topics) {
      const source = createKafkaSource({ connection, groupId, topics, sessionTimeoutMs: 3_000, logger: silentLogger })
      sources.set(groupId, source)
      return source
    },
    positions(groupId, topics) {
      const generation = () => sources.get(groupId)?.generation() ?? { memberId: '', generationId: -1 }
      const positions = createKafkaPositions({ connection, groupId, topics, generation, logger: silentLogger })
      open.push(positions)
      return positions
    },
    async stop() {
      await Promise.all(open.map(positions => positions.close()))
      await broker.stop()
    },
  }
})
