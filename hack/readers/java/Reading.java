import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.types.Types;

/** The operations that read. It never commits. */
class Reading {
  interface EachRow {
    void accept(Record row) throws IOException;
  }

  static ObjectNode count(Table table, JsonNode operation) throws IOException {
    long[] rows = {0};
    each(table, operation, List.of(table.schema().columns().get(0).name()), row -> rows[0]++);
    ObjectNode result = Reader.JSON.createObjectNode().put("rows", rows[0]);
    return result.put("files", plan(table, filter(table, operation)).size());
  }

  static ObjectNode sum(Table table, JsonNode operation) throws IOException {
    String column = operation.get("column").asText();
    long[] counts = {0, 0};
    BigDecimal[] sum = {BigDecimal.ZERO};
    each(table, operation, List.of(column), row -> {
      Object value = row.getField(column);
      counts[0]++;
      if (value == null) counts[1]++;
      // new BigDecimal(double) is the double's exact value, so only the last step rounds.
      else sum[0] = sum[0].add(value instanceof Double ? new BigDecimal((Double) value) : new BigDecimal(value.toString()));
    });
    boolean rounded = table.schema().findType(column).equals(Types.DoubleType.get());
    String text = rounded ? Double.toString(sum[0].doubleValue()) : sum[0].toString();
    return Reader.JSON.createObjectNode().put("rows", counts[0]).put("nulls", counts[1]).put("sum", text);
  }

  static ObjectNode rows(Table table, JsonNode operation) throws IOException {
    List<String> columns = columns(table, operation);
    ObjectNode result = Reader.JSON.createObjectNode();
    ArrayNode rows = result.putArray("rows");
    each(table, operation, columns, row -> {
      ObjectNode object = rows.addObject();
      for (String column : columns) object.set(column, Values.toJson(row.getField(column)));
    });
    return result;
  }

  static ObjectNode dump(Table table, JsonNode operation) throws IOException {
    List<String> columns = columns(table, operation);
    String path = operation.get("path").asText() + ".java.ndjson";
    long[] count = {0};
    try (BufferedWriter file = Files.newBufferedWriter(Path.of(path))) {
      each(table, operation, columns, row -> {
        ArrayNode line = Reader.JSON.createArrayNode();
        for (String column : columns) line.add(Values.toJson(row.getField(column)));
        file.write(Reader.JSON.writeValueAsString(line));
        file.write('\n');
        count[0]++;
      });
    }
    return Reader.JSON.createObjectNode().put("rows", count[0]).put("path", path);
  }

  static ObjectNode snapshots(Table table) {
    ObjectNode result = Reader.JSON.createObjectNode();
    ArrayNode list = result.putArray("snapshots");
    for (Snapshot snapshot : table.snapshots()) {
      Long parent = snapshot.parentId();
      ObjectNode entry = list.addObject();
      entry.put("id", String.valueOf(snapshot.snapshotId())).put("parentId", parent == null ? null : parent.toString());
      entry.put("sequenceNumber", snapshot.sequenceNumber()).put("operation", snapshot.operation());
      entry.set("summary", Reader.JSON.valueToTree(snapshot.summary()));
    }
    return result;
  }

  static ObjectNode files(Table table) throws IOException {
    ObjectNode result = Reader.JSON.createObjectNode();
    ArrayNode list = result.putArray("files");
    for (FileScanTask task : plan(table, Values.filter(null, table.schema()))) {
      DataFile file = task.file();
      list.addObject().put("path", file.location()).put("rows", file.recordCount()).put("bytes", file.fileSizeInBytes());
    }
    return result;
  }

  static List<FileScanTask> plan(Table table, Expression filter) throws IOException {
    try (CloseableIterable<FileScanTask> tasks = table.newScan().filter(filter).planFiles()) {
      List<FileScanTask> list = new ArrayList<>();
      tasks.forEach(list::add);
      return list;
    }
  }

  private static Expression filter(Table table, JsonNode operation) {
    return Values.filter(operation.get("filter"), table.schema());
  }

  private static List<String> columns(Table table, JsonNode operation) {
    List<String> columns = new ArrayList<>();
    if (operation.has("columns")) operation.get("columns").forEach(column -> columns.add(column.asText()));
    else table.schema().columns().forEach(column -> columns.add(column.name()));
    return columns;
  }

  private static void each(Table table, JsonNode operation, List<String> columns, EachRow accept) throws IOException {
    var scan = IcebergGenerics.read(table).select(columns).where(filter(table, operation));
    try (CloseableIterable<Record> rows = scan.build()) {
      for (Record row : rows) accept.accept(row);
    }
  }
}
