/**
 * The closed list of halts: states in which going on could lose or double samples, so that a person decides. A halt
 * stops intake and keeps the process up; the operator shows its code. Data only.
 */

/** What each code means and what ends it. The runtime checks again from time to time and goes on once it is over. */
export const halts = {
  TableOwned: {
    meaning: 'another consumer group keeps its offsets in this table',
    fix: 'give this HealthConsumer tables of its own, or the groupId that the table was initialised with',
  },
  ForeignTable: {
    meaning: 'the table holds snapshots but was never initialised by a HealthConsumer',
    fix: 'name another table in spec.iceberg, or move that table away',
  },
  IncompatibleTable: {
    meaning: "the table's columns or partitioning are not those that the runtime writes",
    fix: 'restore the columns and the partition spec, or name another table in spec.iceberg',
  },
  TableReplaced: {
    meaning: 'one of the two tables was dropped or replaced since the other recorded its uuid',
    fix: 'restore the dropped table from its last metadata file, or start with two new table names',
  },
  LineageBroken: {
    meaning: 'the newest snapshot with our offsets on branch main is not the one that our tag names',
    fix: 'a rollback or a replaced branch moved main: set main to the tagged snapshot or a descendant of it again',
  },
  RawRolledBack: {
    meaning: 'the errors table is ahead of the raw table: raw was rolled back',
    fix: 'set main of the raw table to the newest snapshot with hc.seq again',
  },
  ErrorsRolledBack: {
    meaning: 'the errors table lost rows that the raw table saw applied: errors was rolled back',
    fix: 'set main of the errors table to the newest snapshot with hc.applied-seq again',
  },
  CommittedAhead: {
    meaning:
      "the group's committed Kafka offset is ahead of the table's: the table lost commits, or the group is older than the table",
    fix: 'restore the table, or use a groupId that no other job has used, or delete the committed offsets of the group',
  },
  TopicRecreated: {
    meaning: 'the topic is not the one that the offsets in the table were read from',
    fix: 'consume the new topic into new tables, or under another topic name',
  },
  ClusterChanged: {
    meaning: 'the brokers belong to another Kafka cluster than the one that the table was filled from',
    fix: 'point spec.kafka.bootstrapServers at the former cluster, or use new tables for the new one',
  },
  OffsetGap: {
    meaning: 'Kafka no longer retains the next offset: records were deleted before they were read',
    fix: 'set spec.kafka.onGap to RecordAndContinue to note the missing range in the table and go on',
  },
  PendingLost: {
    meaning: 'error rows that the raw table announced are gone from storage',
    fix: 'restore the named file below the pending location (an engine or a person removed it)',
  },
  InvalidRecord: {
    meaning: 'a sample is invalid and spec.validation.onInvalid is Fail',
    fix: 'set spec.validation.onInvalid to ErrorsTable to keep such samples in the errors table and go on',
  },
} as const satisfies Record<string, { meaning: string; fix: string }>

export type HaltCode = keyof typeof halts
export const haltCodes = Object.keys(halts) as readonly HaltCode[]
