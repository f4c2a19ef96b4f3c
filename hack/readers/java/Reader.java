import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.exceptions.CommitFailedException;

/**
 * Reads and changes an Iceberg table with Iceberg Java, one process for many operations.
 *
 * <pre>read-java --table FOLDER|NAME --query OPERATIONS|- [--properties PROPERTIES]</pre>
 *
 * TABLE, PROPERTIES, operations, filters and values are those of ../python/read.py (count, sum, rows, dump, snapshots,
 * files), and these. Of all snapshots together:
 *
 * <pre>
 * {"op": "reachable"}   -> {"files": [location]}: manifest lists, manifests and data files
 * </pre>
 *
 * Each a commit as another engine makes it:
 *
 * <pre>
 * {"op": "append", "rows": [{column: value}]}   a data file for each row, columns left out are null
 * {"op": "compact"}                             rewrites partitions of several data files as one each
 * {"op": "rewriteManifests"}
 * {"op": "deleteFiles", "filter"}               whole data files; fails when a file matches only in part
 * {"op": "rollbackTo", "snapshotId"}            to an ancestor
 * {"op": "setCurrent", "snapshotId"}            to any snapshot
 * {"op": "setRef", "name", "type": "tag"|"branch", "snapshotId"?}   the current one where left out
 * {"op": "expireSnapshots", "olderThanMs", "retainLast"}   by time; deletes the files that nothing refers to any more
 * {"op": "updateProperties", "set"?: {}, "remove"?: []}    "format-version" upgrades
 * {"op": "addColumn", "name", "type", "required"?}
 * {"op": "updateSpec", "add"?: [{"column", "transform": "bucket"|"hour"|"identity"|…, "width"?}], "remove"?: [field]}
 * {"op": "removeOrphans", "olderThanMs"}        files below the table's location that no snapshot and no metadata names
 * </pre>
 *
 * And these of a catalog: {"op": "create"|"replace", "schema"?, "spec"?, "properties"?}, in the REST specification's JSON,
 * where replacing keeps what is left out; {"op": "drop"}.
 *
 * A change that loses against other commits is made again. It answers {"snapshotId": the current one, or null}. Stdout is
 * {"java": [results]}. A failing operation ends it with exit code 1, earlier ones stay done.
 */
public class Reader {
  static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    Map<String, String> given = new HashMap<>();
    for (int at = 0; at + 1 < arguments.length; at += 2) given.put(arguments[at], arguments[at + 1]);
    Set<String> known = Set.of("--table", "--query", "--properties");
    if (arguments.length % 2 == 1 || !known.containsAll(given.keySet()) || given.get("--table") == null || given.get("--query") == null) {
      System.err.println("usage: read-java --table FOLDER|NAME --query OPERATIONS|- [--properties PROPERTIES]");
      System.exit(2);
    }
    ArrayNode results = JSON.createArrayNode();
    String query = given.get("--query");
    if (query.equals("-")) query = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
    try (Place place = Place.of(given.get("--table"), JSON.readTree(given.getOrDefault("--properties", "{}")))) {
      for (JsonNode operation : JSON.readTree(query)) {
        try {
          results.add(persist(place, operation));
        } catch (Exception error) {
          System.err.println(operation.get("op").asText() + ": " + error);
          System.exit(1);
        }
      }
    }
    ObjectNode answer = JSON.createObjectNode();
    answer.set("java", results);
    new PrintStream(System.out, true, StandardCharsets.UTF_8).println(JSON.writeValueAsString(answer));
  }

  /** Consumers that commit all the while may win each of Iceberg's own tries. */
  private static ObjectNode persist(Place place, JsonNode operation) throws Exception {
    for (int lost = 0; ; lost++) {
      try {
        return run(place, operation);
      } catch (CommitFailedException error) {
        if (lost == 20) throw error;
      }
    }
  }

  private static ObjectNode run(Place place, JsonNode operation) throws Exception {
    switch (operation.get("op").asText()) {
      case "create":
        return current(place.create(operation));
      case "replace":
        return current(place.replace(operation));
      case "drop":
        place.drop();
        return current(null);
      default:
        return run(place.load(), operation);
    }
  }

  private static ObjectNode run(Table table, JsonNode operation) throws Exception {
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
      case "reachable":
        return JSON.createObjectNode().set("files", JSON.valueToTree(Reachable.of(table)));
      default:
        Changing.change(table, operation);
        table.refresh();
        return current(table);
    }
  }

  private static ObjectNode current(Table table) {
    Snapshot snapshot = table == null ? null : table.currentSnapshot();
    return JSON.createObjectNode().put("snapshotId", snapshot == null ? null : String.valueOf(snapshot.snapshotId()));
  }
}
