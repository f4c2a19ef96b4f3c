package org.apache.iceberg.rest;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.CatalogUtil;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * Serves Iceberg's REST catalog fixture on one address only (the fixture's own main binds every interface), with its tables
 * in SQLite, so that they outlive a kill. In the fixture's package, for its classes are not public. Any login is accepted.
 *
 * <p>Arguments: DIR HOST PORT WAREHOUSE. Writes the address to DIR/uri once it listens. For a warehouse on S3 the environment
 * says S3_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; VEND_CREDENTIALS=1 hands them out with tables.
 */
public class Launcher {
  public static void main(String[] args) throws Exception {
    Path dir = Path.of(args[0]);
    Map<String, String> properties = properties(dir, args[3]);
    var catalog = CatalogUtil.buildIcebergCatalog("rest", properties, new Configuration());
    var adapter = new RESTServerCatalogAdapter(new RESTCatalogServer.CatalogContext(catalog, properties));
    Server server = new Server();
    ServerConnector connector = connector(server, args[1], Integer.parseInt(args[2]));
    server.addConnector(connector);
    server.setHandler(handler(adapter));
    server.start();
    Path fresh = dir.resolve("uri.new");
    Files.writeString(fresh, "http://" + args[1] + ":" + connector.getLocalPort() + "\n");
    Files.move(fresh, dir.resolve("uri"), StandardCopyOption.ATOMIC_MOVE);
    server.join();
  }

  private static Map<String, String> properties(Path dir, String warehouse) {
    Map<String, String> properties = new HashMap<>();
    properties.put("catalog-impl", "org.apache.iceberg.jdbc.JdbcCatalog");
    // One connection, or writers that race meet SQLITE_BUSY, which the fixture answers with 500.
    properties.put("clients", "1");
    properties.put("uri", "jdbc:sqlite:" + dir.resolve("catalog.db") + "?journal_mode=WAL");
    properties.put("jdbc.schema-version", "V1");
    properties.put("warehouse", warehouse);
    if (!warehouse.startsWith("s3:")) {
      properties.put("io-impl", "org.apache.iceberg.hadoop.HadoopFileIO");
      return properties;
    }
    properties.put("io-impl", "org.apache.iceberg.aws.s3.S3FileIO");
    properties.put("s3.endpoint", System.getenv("S3_ENDPOINT"));
    properties.put("s3.path-style-access", "true");
    properties.put("client.region", System.getenv("AWS_REGION"));
    properties.put("s3.access-key-id", System.getenv("AWS_ACCESS_KEY_ID"));
    properties.put("s3.secret-access-key", System.getenv("AWS_SECRET_ACCESS_KEY"));
    properties.put("include-credentials", String.valueOf("1".equals(System.getenv("VEND_CREDENTIALS"))));
    return properties;
  }

  private static ServerConnector connector(Server server, String host, int port) {
    HttpConfiguration http = new HttpConfiguration();
    // Names of tables may hold an encoded slash.
    http.setUriCompliance(UriCompliance.UNSAFE);
    http.setRequestHeaderSize(32768);
    ServerConnector connector = new ServerConnector(server, new HttpConnectionFactory(http));
    connector.setHost(host);
    connector.setPort(port);
    return connector;
  }

  private static ServletContextHandler handler(RESTServerCatalogAdapter adapter) {
    ServletContextHandler handler = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
    handler.addServlet(new ServletHolder(new RESTCatalogServlet(adapter)), "/*");
    handler.getServletHandler().setDecodeAmbiguousURIs(true);
    return handler;
  }
}
