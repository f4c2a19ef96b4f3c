/**
 * The status of a HealthConsumer: what the operator observed, in the terms of kstatus and of metav1.Condition. Data
 * only; who writes it is the operator.
 */
import { z } from 'zod'
import { int32, int64 } from './fields.ts'

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
  lastTransitionTime: z.iso.datetime({ offset: true }).describe('When `status` last changed.'),
  reason: z.string().min(1).max(1024).describe('One word, in CamelCase, for programs.'),
  message: z.string().max(32_768).describe('For people: the object concerned and the next step.'),
})

const appliedResource = z.strictObject({
  kind: z.string().max(63).describe('Kind of the object.'),
  name: z.string().max(253).describe('Name of the object.'),
  state: z.string().max(63).describe('Applied, Waiting, Missing (its API is not installed), NameTaken or Failed.'),
})

const pipeline = z.strictObject({
  partitions: int32(0, 1_000_000).optional().describe('Kafka partitions assigned.'),
  lag: int64(0).optional().describe('Records behind, over all partitions; absent while it is not measured.'),
  throughput: z.number().optional().describe('Rows a second.'),
  invalidRatio: z.number().optional().describe('Share of rows that are invalid, from 0 to 1.'),
  lastCommitTime: z.iso.datetime({ offset: true }).optional().describe('When the raw table was last committed.'),
  rawSnapshotId: z.string().max(20).optional().describe('Newest snapshot of the raw table (63 bits, hence text).'),
  errorsSnapshotId: z.string().max(20).optional().describe('Newest snapshot of the errors table.'),
  observedAt: z.iso.datetime({ offset: true }).optional().describe('When these facts were read.'),
})

export const status = z.strictObject({
  observedGeneration: int64(-1).default(-1).describe('Generation that was last reconciled; -1 before the first time.'),
  phase: z.string().max(63).optional().describe('One word for people; programs read the conditions.'),
  replicas: int32(0, 1_000_000).optional().describe('Pods that exist.'),
  readyReplicas: int32(0, 1_000_000).optional().describe('Pods that are ready.'),
  updatedReplicas: int32(0, 1_000_000).optional().describe('Pods of the newest template.'),
  selector: z.string().max(1024).optional().describe('Label selector of the pods, for the scale subresource.'),
  appliedHash: z.string().max(128).optional().describe('Revision that the pods are to run.'),
  lastStableHash: z.string().max(128).optional().describe('Revision that was last rolled out completely.'),
  failedHash: z.string().max(128).optional().describe('Revision that was rolled back; a change of the spec ends that.'),
  resources: z.array(appliedResource).max(64).optional().describe('The objects that belong to the HealthConsumer.'),
  pipeline: pipeline.optional().describe('What the pods last told.'),
  conditions: z
    .array(condition)
    .max(32)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .optional()
    .describe('Conditions, one of each type.'),
})
