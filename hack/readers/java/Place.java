import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.CatalogProperties;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.PartitionSpecParser;
import org.apache.iceberg.Schema;
import org.apache.iceberg.SchemaParser;
import org.apache.iceberg.StaticTableOperations;
import org.apache.iceberg.Table;
import org.apache.iceberg.Transaction;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.catalog.SupportsNamespaces;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.hadoop.HadoopTables;

/** Where a table is: a folder, a metadata file that is only read, or a name in a REST catalog. */
interface Place extends AutoCloseable {
  Table load();

  default Table create(JsonNode operation) {
    throw new IllegalArgumentException("needs a catalog");
  }

  default Table replace(JsonNode operation) {
    throw new IllegalArgumentException("needs a catalog");
  }

  default void drop() {
    throw new IllegalArgumentException("needs a catalog");
  }

  @Override
  default void close() throws Exception {}

  static Place of(String table, JsonNode given) {
    Map<String, String> properties = properties(given);
    if (properties.containsKey(CatalogProperties.URI)) return new InCatalog(table, properties);
    if (!table.endsWith(".metadata.json")) return () -> new HadoopTables(new Configuration()).load(table);
    var io = CatalogUtil.loadFileIO("org.apache.iceberg.io.ResolvingFileIO", properties, new Configuration());
    return () -> new BaseTable(new StaticTableOperations(table, io), table);
  }

  static Map<String, String> properties(JsonNode given) {
    Map<String, String> properties = new HashMap<>();
    given.fields().forEachRemaining(entry -> properties.put(entry.getKey(), entry.getValue().asText()));
    return properties;
  }

  class InCatalog implements Place {
    private final Catalog catalog;
    private final TableIdentifier identifier;

    InCatalog(String table, Map<String, String> properties) {
      properties.put(CatalogUtil.ICEBERG_CATALOG_TYPE, CatalogUtil.ICEBERG_CATALOG_TYPE_REST);
      catalog = CatalogUtil.buildIcebergCatalog("catalog", properties, new Configuration());
      identifier = TableIdentifier.parse(table);
    }

    @Override
    public Table load() {
      return catalog.loadTable(identifier);
    }

    @Override
    public Table create(JsonNode operation) {
      SupportsNamespaces namespaces = (SupportsNamespaces) catalog;
      if (!namespaces.namespaceExists(identifier.namespace())) namespaces.createNamespace(identifier.namespace());
      Schema schema = SchemaParser.fromJson(operation.get("schema"));
      return catalog.buildTable(identifier, schema).withPartitionSpec(spec(schema, operation.get("spec")))
          .withProperties(properties(operation.path("properties"))).create();
    }

    @Override
    public Table replace(JsonNode operation) {
      Table former = load();
      Schema schema = operation.has("schema") ? SchemaParser.fromJson(operation.get("schema")) : former.schema();
      PartitionSpec spec = operation.has("spec") ? spec(schema, operation.get("spec")) : former.spec();
      Transaction replacing = catalog.buildTable(identifier, schema).withPartitionSpec(spec)
          .withProperties(properties(operation.path("properties"))).createOrReplaceTransaction();
      replacing.commitTransaction();
      return load();
    }

    @Override
    public void drop() {
      catalog.dropTable(identifier, false);
    }

    private static PartitionSpec spec(Schema schema, JsonNode spec) {
      return spec == null ? PartitionSpec.unpartitioned() : PartitionSpecParser.fromJson(schema, spec);
    }

    @Override
    public void close() throws Exception {
      if (catalog instanceof AutoCloseable) ((AutoCloseable) catalog).close();
    }
  }
}
