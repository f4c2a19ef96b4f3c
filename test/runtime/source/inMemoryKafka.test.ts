/** The in-memory Kafka keeps the contract of the real one. */
import { createInMemoryKafka } from '../../../runtime/source/inMemoryKafka.ts'
import { sourceContract } from './contract.ts'

sourceContract('source and positions in memory', async () => {
  const kafka = createInMemoryKafka()
  const recordsOf = (values: readonly (string | null)[]) =>
    values.map(value => ({ value: value === null ? null : Buffer.from(value) }))
  return {
    createTopic: async (topic, partitions) => kafka.createTopic(topic, partitions),
    produce: async (topic, partition, values) => kafka.produce(topic, partition, recordsOf(values)),
    abort: async (topic, partition, values) => kafka.leaveGap(topic, partition, values.length + 1),
    async begin(topic, partition, value) {
      const transaction = kafka.openTransaction(topic, partition)
      kafka.produce(topic, partition, recordsOf([value]))
      return { commit: async () => transaction.end() }
    },
    deleteRecords: async (topic, partition, offset) => kafka.deleteRecords(topic, partition, offset),
    source: kafka.source,
    positions: kafka.positions,
    stop: async () => undefined,
  }
})
