import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.iceberg.AppendFiles;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.ExpireSnapshots;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.ManageSnapshots;
import org.apache.iceberg.PartitionKey;
import org.apache.iceberg.RewriteFiles;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Table;
import org.apache.iceberg.UpdatePartitionSpec;
import org.apache.iceberg.UpdateProperties;
import org.apache.iceberg.UpdateSchema;
import org.apache.iceberg.data.GenericRecord;
import org.apache.iceberg.data.InternalRecordWrapper;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.data.parquet.GenericParquetReaders;
import org.apache.iceberg.data.parquet.GenericParquetWriter;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.expressions.Term;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.io.DataWriter;
import org.apache.iceberg.parquet.Parquet;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;

/** The operations that commit, each once and as another engine does it. Values are those of the table's schema. */
class Changing {
  static void change(Table table, JsonNode operation) throws IOException {
    switch (operation.get("op").asText()) {
      case "append" -> append(table, operation.get("rows"));
      case "compact" -> compact(table);
      case "rewriteManifests" -> table.rewriteManifests().clusterBy(file -> "all").commit();
      case "deleteFiles" -> table.newDelete()
          .deleteFromRowFilter(Values.filter(operation.get("filter"), table.schema())).commit();
      case "rollbackTo" -> table.manageSnapshots().rollbackTo(operation.get("snapshotId").asLong()).commit();
      case "setCurrent" -> table.manageSnapshots().setCurrentSnapshot(operation.get("snapshotId").asLong()).commit();
      case "setRef" -> setRef(table, operation);
      case "addColumn" -> addColumn(table, operation);
      case "updateSpec" -> updateSpec(table, operation);
      case "removeOrphans" -> Reachable.removeOrphans(table, operation.get("olderThanMs").asLong());
      case "expireSnapshots" -> expire(table, operation);
      case "updateProperties" -> updateProperties(table, operation);
      default -> throw new IllegalArgumentException("no such operation");
    }
  }

  private static void append(Table table, JsonNode rows) throws IOException {
    AppendFiles append = table.newAppend();
    for (JsonNode row : rows) {
      Record record = GenericRecord.create(table.schema());
      for (Types.NestedField field : table.schema().columns()) {
        record.setField(field.name(), Values.fromJson(row.get(field.name()), field.type()));
      }
      append.appendFile(write(table, List.of(record)));
    }
    append.commit();
  }

  private static void compact(Table table) throws IOException {
    Map<String, List<DataFile>> partitions = new LinkedHashMap<>();
    for (FileScanTask task : Reading.plan(table, Expressions.alwaysTrue())) {
      partitions.computeIfAbsent(task.file().partition().toString(), key -> new ArrayList<>()).add(task.file());
    }
    partitions.values().removeIf(files -> files.size() < 2);
    if (partitions.isEmpty()) return;
    // What came before may be expired: only later commits can be in the way.
    RewriteFiles rewrite = table.newRewrite().validateFromSnapshot(table.currentSnapshot().snapshotId());
    for (List<DataFile> files : partitions.values()) {
      List<Record> rows = new ArrayList<>();
      for (DataFile file : files) rows.addAll(read(table, file));
      files.forEach(rewrite::deleteFile);
      rewrite.addFile(write(table, rows));
    }
    rewrite.commit();
  }

  private static void setRef(Table table, JsonNode operation) {
    String name = operation.get("name").asText();
    boolean isTag = operation.get("type").asText().equals("tag");
    long id = operation.path("snapshotId").asLong(table.currentSnapshot().snapshotId());
    ManageSnapshots refs = table.manageSnapshots();
    (isTag ? refs.createTag(name, id) : refs.createBranch(name, id)).commit();
  }

  private static void addColumn(Table table, JsonNode operation) {
    String name = operation.get("name").asText();
    Type type = Types.fromPrimitiveString(operation.get("type").asText());
    UpdateSchema update = table.updateSchema();
    if (operation.path("required").asBoolean()) update.allowIncompatibleChanges().addRequiredColumn(name, type);
    else update.addColumn(name, type);
    update.commit();
  }

  private static void updateSpec(Table table, JsonNode operation) {
    UpdatePartitionSpec update = table.updateSpec();
    operation.path("remove").forEach(field -> update.removeField(field.asText()));
    for (JsonNode field : operation.path("add")) update.addField(term(field));
    update.commit();
  }

  private static Term term(JsonNode field) {
    String column = field.get("column").asText();
    return switch (field.get("transform").asText()) {
      case "identity" -> Expressions.ref(column);
      case "bucket" -> Expressions.bucket(column, field.get("width").asInt());
      case "truncate" -> Expressions.truncate(column, field.get("width").asInt());
      case "hour" -> Expressions.hour(column);
      case "day" -> Expressions.day(column);
      case "month" -> Expressions.month(column);
      default -> throw new IllegalArgumentException(field.get("transform") + " is no transform");
    };
  }

  private static void expire(Table table, JsonNode operation) {
    ExpireSnapshots expire = table.expireSnapshots().cleanExpiredFiles(true);
    expire.expireOlderThan(operation.get("olderThanMs").asLong());
    expire.retainLast(operation.get("retainLast").asInt()).commit();
  }

  private static void updateProperties(Table table, JsonNode operation) {
    UpdateProperties update = table.updateProperties();
    operation.path("set").fields().forEachRemaining(entry -> update.set(entry.getKey(), entry.getValue().asText()));
    operation.path("remove").forEach(key -> update.remove(key.asText()));
    update.commit();
  }

  private static List<Record> read(Table table, DataFile file) throws IOException {
    Schema schema = table.schema();
    try (CloseableIterable<Record> rows = Parquet.read(table.io().newInputFile(file.location())).project(schema)
        .createReaderFunc(type -> GenericParquetReaders.buildReader(schema, type)).build()) {
      List<Record> list = new ArrayList<>();
      rows.forEach(list::add);
      return list;
    }
  }

  /** One data file of rows that share a partition. */
  private static DataFile write(Table table, List<Record> rows) throws IOException {
    PartitionKey partition = new PartitionKey(table.spec(), table.schema());
    partition.partition(new InternalRecordWrapper(table.schema().asStruct()).wrap(rows.get(0)));
    String name = FileFormat.PARQUET.addExtension(UUID.randomUUID().toString());
    String location = table.locationProvider().newDataLocation(table.spec(), partition, name);
    DataWriter<Record> writer = Parquet.writeData(table.io().newOutputFile(location)).forTable(table)
        .createWriterFunc(GenericParquetWriter::create).withPartition(partition).build();
    try (writer) {
      writer.write(rows);
    }
    return writer.toDataFile();
  }
}
