/**
 * Waits until the broker at `argv[2]` answers a metadata request, for at most 60 s or until process `argv[3]` is gone.
 * Never changes anything at the broker.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'

const [bootstrapServers = '', pid = ''] = process.argv.slice(2)
const kafka = new Kafka({ brokers: [bootstrapServers], logLevel: logLevel.NOTHING, retry: { retries: 0 } })

async function isReady(): Promise<boolean> {
  const admin = kafka.admin()
  try {
    await admin.connect()
    const { brokers, controller } = await admin.describeCluster()
    return brokers.length > 0 && controller !== null
  } catch {
    return false
  } finally {
    await admin.disconnect()
  }
}

function isAlive(): boolean {
  try {
    return process.kill(Number(pid), 0)
  } catch {
    return false
  }
}

const deadline = Date.now() + 60_000
while (!(await isReady())) {
  if (!isAlive() || Date.now() > deadline) process.exit(1)
  await delay(100)
}
process.exit(0)
