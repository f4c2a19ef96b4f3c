/**
 * The status of a HealthConsumer: what the operator observed, in the terms of kstatus and of metav1.Condition. Data
 * only; who writes it is the operator.
 */
import { z } from 'zod'
import { bounded, dateTime, int32, int64, listMapOf, listOf } from './fields.ts'

/** Ready never depends on lag; Reconciling and Stalled are the names that kstatus reads. */
export const conditionTypes = [
  'Ready',
  'Reconciling',
  'Stalled',
  'ConfigValid',
  'DependenciesReady',
  'WorkloadAvailable',
  'ConsumerHealthy',
  'MonitoringReady',
  'Paused',
] as const
export type ConditionType = (typeof conditionTypes)[number]

const condition = z.strictObject({
  type: z.enum(conditionTypes).describe('What the condition is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  observedGeneration: int64(0).optional().describe('Generation of the resource that it was seen on.'),
  lastTransitionTime: dateTime().describe('When `status` last changed.'),
  reason: bounded(1024).min(1).describe('One word, in CamelCase, for programs.'),
  message: bounded(32_768).describe('For people: the object concerned and the next step.'),
})

const appliedResource = z.strictObject({
  kind: bounded(63).describe('Kind of the object.'),
  name: bounded(253).describe('Name of the object.'),
  state: bounded(63).describe('Applied, Waiting, Missing (its API is not installed), NameTaken or Failed.'),
})

const pipeline = z.strictObject({
  partitions: int32(0, 1_000_000).optional().describe('Kafka partitions assigned.'),
  lag: int64(0).optional().describe('Records behind, over all partitions; absent while it is not measured.'),
  throughput: z.number().optional().describe('Rows a second.'),
  invalidRatio: z.number().optional().describe('Share of rows that are invalid, from 0 to 1.'),
  lastCommitTime: dateTime().optional().describe('When the raw table was last committed.'),
  rawSnapshotId: bounded(20).optional().describe('Newest snapshot of the raw table (63 bits, hence text).'),
  errorsSnapshotId: bounded(20).optional().describe('Newest snapshot of the errors table.'),
  observedAt: dateTime().optional().describe('When these facts were read.'),
})

export const status = z.strictObject({
  observedGeneration: int64(-1).default(-1).describe('Generation that was last reconciled; -1 before the first time.'),
  phase: bounded(63).optional().describe('One word for people; programs read the conditions.'),
  replicas: int32(0, 1_000_000).optional().describe('Pods that exist.'),
  readyReplicas: int32(0, 1_000_000).optional().describe('Pods that are ready.'),
  updatedReplicas: int32(0, 1_000_000).optional().describe('Pods of the newest template.'),
  selector: bounded(1024).optional().describe('Label selector of the pods, for the scale subresource.'),
  appliedHash: bounded(128).optional().describe('Revision that the pods are to run.'),
  lastStableHash: bounded(128).optional().describe('Revision that was last rolled out completely.'),
  failedHash: bounded(128).optional().describe('Revision that was rolled back; a change of the spec ends that.'),
  resources: listOf(appliedResource, 64).optional().describe('The objects that belong to the HealthConsumer.'),
  pipeline: pipeline.optional().describe('What the pods last told.'),
  conditions: listMapOf(condition, ['type'], 32).optional().describe('Conditions, one of each type.'),
})
