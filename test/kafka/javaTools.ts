/** Kafka's own console producer and consumer, to check bytes against the Java clients. One JVM a call. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Codec } from './broker.ts'

const script = join(import.meta.dirname, '../../hack/kafka')

async function java(mainClass: string, parameters: readonly string[], input: string): Promise<string> {
  const classPath = (await output(script, ['jars'])).trim()
  return output(
    'java',
    ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', classPath, mainClass, ...parameters],
    input,
  )
}

async function output(program: string, parameters: readonly string[], input = ''): Promise<string> {
  const child = spawn(program, parameters, { stdio: 'pipe' })
  child.stdin.end(input)
  const ended = new Promise(resolve => child.on('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (code !== 0) throw new Error(`${program} ${parameters.join(' ')} ended with ${code}: ${stderr}`)
  return stdout
}

/** One record a line. */
export async function javaProduce(
  bootstrapServers: string,
  topic: string,
  codec: Codec,
  lines: readonly string[],
): Promise<void> {
  const parameters = ['--bootstrap-server', bootstrapServers, '--topic', topic, '--compression-codec', codec]
  await java('org.apache.kafka.tools.ConsoleProducer', parameters, lines.map(line => `${line}\n`).join(''))
}

/** The values of the first `count` records, in order. */
export async function javaConsume(bootstrapServers: string, topic: string, count: number): Promise<readonly string[]> {
  const parameters = ['--bootstrap-server', bootstrapServers, '--topic', topic, '--from-beginning']
  const bounded = [...parameters, '--max-messages', String(count), '--timeout-ms', '30000']
  const printed = await java('org.apache.kafka.tools.consumer.ConsoleConsumer', bounded, '')
  return printed.split('\n').slice(0, count)
}
