import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.Table;
import org.apache.iceberg.hadoop.HadoopTables;

/**
 * Reads and changes an Iceberg table with Iceberg Java's HadoopTables, one process for many operations.
 *
 * <pre>read-java --table FOLDER --query OPERATIONS|-</pre>
 *
 * Operations, filters and values are those of ../python/read.py (count, sum, rows, dump, snapshots, files), and these,
 * each a commit as another engine makes it:
 *
 * <pre>
 * {"op": "append", "rows": [{column: value}]}   a data file for each row, columns left out are null
 * {"op": "compact"}                             rewrites partitions of several data files as one each
 * {"op": "rewriteManifests"}
 * {"op": "deleteFiles", "filter"}               whole data files; fails when a file matches only in part
 * {"op": "rollbackTo", "snapshotId"}
 * {"op": "expireSnapshots", "olderThanMs", "retainLast"}   by time; deletes the files that nothing refers to any more
 * {"op": "updateProperties", "set"?: {}, "remove"?: []}
 * </pre>
 *
 * A change answers {"snapshotId": the current one}. Stdout is {"java": [results]}. A failing operation ends it with
 * exit code 1, earlier ones stay done.
 */
public class Reader {
  static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 4 || !arguments[0].equals("--table") || !arguments[2].equals("--query")) {
      System.err.println("usage: read-java --table FOLDER --query OPERATIONS|-");
      System.exit(2);
    }
    ArrayNode results = JSON.createArrayNode();
    String query = arguments[3].equals("-") ? new String(System.in.readAllBytes(), StandardCharsets.UTF_8) : arguments[3];
    for (JsonNode operation : JSON.readTree(query)) {
      Table table = new HadoopTables(new Configuration()).load(arguments[1]);
      try {
        results.add(run(table, operation));
      } catch (Exception error) {
        System.err.println(operation.get("op").asText() + ": " + error);
        System.exit(1);
      }
    }
    ObjectNode answer = JSON.createObjectNode();
    answer.set("java", results);
    new PrintStream(System.out, true, StandardCharsets.UTF_8).println(JSON.writeValueAsString(answer));
  }

  static ObjectNode run(Table table, JsonNode operation) throws Exception {
    switch (operation.get("op").asText()) {
      case "count":
        return Reading.count(table, operation);
      case "sum":
        return Reading.sum(table, operation);
      case "rows":
        return Reading.rows(table, operation);
      case "dump":
        return Reading.dump(table, operation);
      case "snapshots":
        return Reading.snapshots(table);
      case "files":
        return Reading.files(table);
      default:
        Changing.change(table, operation);
        table.refresh();
        return JSON.createObjectNode().put("snapshotId", String.valueOf(table.currentSnapshot().snapshotId()));
    }
  }
}
