/**
 * The closed list of halts: states in which going on could lose or double samples, so that a person decides. A halt
 * stops intake and keeps the process up; the operator shows its code. Data only.
 *
 * Every code has a section in docs/recover.md. Where `healthconsumer recover` has a way out, the fix names it.
 */

/** What each code means and what ends it. The runtime checks again from time to time and goes on once it is over. */
export const halts = {
  TableOwned: {
    meaning: 'another consumer group keeps its offsets in this table',
    fix: 'give this HealthConsumer tables of its own, or the groupId that the table was initialised with, or take it over: healthconsumer recover --take-over GROUP',
  },
  ForeignTable: {
    meaning: 'the table holds snapshots but was never initialised by a HealthConsumer',
    fix: 'name another table in spec.iceberg, or move that table away, or let it be filled: healthconsumer recover --adopt',
  },
  IncompatibleTable: {
    meaning: "the table's columns or partitioning are not those that the runtime writes",
    fix: 'restore the columns and the partition spec, or name another table in spec.iceberg; see docs/recover.md#incompatibletable',
  },
  TableReplaced: {
    meaning: 'one of the two tables was dropped or replaced since the other recorded its uuid',
    fix: 'mount or restore the dropped table, or fill an empty one: healthconsumer recover --accept-new-table (errors) or --adopt (raw)',
  },
  LineageBroken: {
    meaning: 'the newest snapshot with our offsets on branch main is not the one that our tag names',
    fix: 'a rollback or a replaced branch moved main: healthconsumer recover --undo TABLE sets it back, --accept-rollback TABLE goes on from it',
  },
  KeysDamaged: {
    meaning: 'our keys in the newest snapshot, or our property of the table, cannot be read',
    fix: 'somebody edited the metadata: restore it; see docs/recover.md#keysdamaged, or healthconsumer recover',
  },
  RawRolledBack: {
    meaning: 'the errors table is ahead of the raw table: raw was rolled back',
    fix: 'healthconsumer recover --undo raw sets main to the newest snapshot with hc.seq again, --accept-rollback raw goes on from where it is',
  },
  ErrorsRolledBack: {
    meaning: 'the errors table lost rows that the raw table saw applied: errors was rolled back',
    fix: 'healthconsumer recover --undo errors sets main to the newest snapshot with hc.applied-seq again, --accept-rollback errors appends what is lost once more',
  },
  CommittedAhead: {
    meaning:
      "the group's committed Kafka offset is ahead of the table's: the table lost commits, or the group is older than the table",
    fix: 'mount or restore the table, or use a groupId that no other job has used, or go on from the table: healthconsumer recover --accept-committed',
  },
  TopicRecreated: {
    meaning: 'the topic is not the one that the offsets in the table were read from',
    fix: 'consume the new topic into new tables, or into these: healthconsumer recover --accept-new-topic TOPIC',
  },
  ClusterChanged: {
    meaning: 'the brokers belong to another Kafka cluster than the one that the table was filled from',
    fix: 'point spec.kafka.bootstrapServers at the former cluster, or go on in this one: healthconsumer recover --accept-new-cluster',
  },
  OffsetGap: {
    meaning: 'Kafka no longer retains the next offset: records were deleted before they were read',
    fix: 'note the missing range in the table and go on: healthconsumer recover --accept-gap, or for every gap to come spec.kafka.onGap: RecordAndContinue',
  },
  PendingLost: {
    meaning: 'error rows that the raw table announced are gone from storage',
    fix: 'restore the named file below the pending location, or give the rows up: healthconsumer recover --accept-lost-errors',
  },
  InvalidRecord: {
    meaning: 'a sample is invalid and spec.validation.onInvalid is Fail',
    fix: 'set spec.validation.onInvalid to ErrorsTable to keep such samples in the errors table and go on; see docs/recover.md#invalidrecord',
  },
} as const satisfies Record<string, { meaning: string; fix: string }>

export type HaltCode = keyof typeof halts
export const haltCodes = Object.keys(halts) as readonly HaltCode[]
