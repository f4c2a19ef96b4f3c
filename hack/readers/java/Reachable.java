import java.io.IOException;
import java.util.Set;
import java.util.TreeSet;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.ManifestFile;
import org.apache.iceberg.ManifestFiles;
import org.apache.iceberg.ManifestReader;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.io.FileInfo;
import org.apache.iceberg.io.SupportsPrefixOperations;

/** What the snapshots of a table refer to, and what lies beside it. Removing orphans is all that it ever deletes. */
class Reachable {
  static Set<String> of(Table table) throws IOException {
    Set<String> files = new TreeSet<>();
    for (Snapshot snapshot : table.snapshots()) {
      files.add(snapshot.manifestListLocation());
      for (ManifestFile manifest : snapshot.allManifests(table.io())) {
        if (!files.add(manifest.path())) continue;
        try (ManifestReader<DataFile> entries = ManifestFiles.read(manifest, table.io(), table.specs())) {
          // The entries that are alive; those that are deleted may be gone.
          for (DataFile file : entries) files.add(file.location());
        }
      }
    }
    return files;
  }

  static void removeOrphans(Table table, long olderThanMs) throws IOException {
    TableMetadata metadata = ((BaseTable) table).operations().current();
    Set<String> kept = of(table);
    kept.add(metadata.metadataFileLocation());
    metadata.previousFiles().forEach(file -> kept.add(file.file()));
    SupportsPrefixOperations io = (SupportsPrefixOperations) table.io();
    for (FileInfo file : io.listPrefix(table.location())) {
      if (file.createdAtMillis() < olderThanMs && !kept.contains(file.location())) table.io().deleteFile(file.location());
    }
  }
}
