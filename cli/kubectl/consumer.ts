/** A HealthConsumer and what belongs to it, as kubectl prints them: what the commands read of it. Types and reading only. */
import type { HealthConsumerStatus } from '../../crds/healthconsumer.ts'
import type { ConditionType } from '../../crds/status.ts'
import { podSelector } from '../../operator/desired/child.ts'
import type { Kubectl, KubectlObject } from './kubectl.ts'

export type Condition = NonNullable<HealthConsumerStatus['conditions']>[number]

export interface Consumer extends KubectlObject {
  readonly spec?: { readonly kafka?: { readonly topics?: readonly string[]; readonly groupId?: string } } & Readonly<
    Record<string, unknown>
  >
  readonly status?: HealthConsumerStatus
}

export interface Pod extends KubectlObject {
  readonly status?: {
    readonly phase?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[]
    readonly containerStatuses?: readonly {
      readonly name: string
      readonly ready: boolean
      readonly restartCount: number
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } }
    }[]
  }
}

export interface Event {
  readonly type?: string
  readonly reason?: string
  readonly message?: string
  readonly count?: number
  readonly lastTimestamp?: string | null
  readonly eventTime?: string | null
  readonly metadata: { readonly creationTimestamp?: string }
}

interface List<Item> {
  readonly items: readonly Item[]
}

export const conditionOf = ({ status }: Consumer, type: ConditionType): Condition | undefined =>
  status?.conditions?.find(each => each.type === type)

/** When it was seen last, in milliseconds since the epoch. */
export const timeOf = ({ lastTimestamp, eventTime, metadata }: Event): number =>
  Date.parse(lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '')

export async function listConsumers(kubectl: Kubectl, everywhere: boolean): Promise<readonly Consumer[]> {
  const list = (await kubectl.json('get', 'healthconsumers', ...(everywhere ? ['-A'] : []))) as List<Consumer>
  return list.items
}

export const getConsumer = async (kubectl: Kubectl, name: string): Promise<Consumer> =>
  (await kubectl.json('get', 'healthconsumer', name)) as Consumer

export const podLabels = (name: string): string =>
  Object.entries(podSelector({ metadata: { name } }))
    .map(([label, value]) => `${label}=${value}`)
    .join(',')

export async function getPods(kubectl: Kubectl, name: string): Promise<readonly Pod[]> {
  return ((await kubectl.json('get', 'pods', '-l', podLabels(name))) as List<Pod>).items
}

/** Oldest first. */
export async function getEvents(kubectl: Kubectl, name: string): Promise<readonly Event[]> {
  const selector = `involvedObject.kind=HealthConsumer,involvedObject.name=${name}`
  const list = (await kubectl.json('get', 'events', '--field-selector', selector)) as List<Event>
  return list.items.toSorted((one, other) => timeOf(one) - timeOf(other))
}
