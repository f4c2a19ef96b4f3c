import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.iceberg.Schema;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.types.Type;

/** Values and filters between JSON, as ../python/read.py describes it, and Iceberg's generic records. It does no I/O. */
class Values {
  static final OffsetDateTime EPOCH = Instant.EPOCH.atOffset(ZoneOffset.UTC);

  static JsonNode toJson(Object value) {
    if (value instanceof OffsetDateTime) {
      return Reader.JSON.valueToTree(String.valueOf(ChronoUnit.MICROS.between(EPOCH, (OffsetDateTime) value)));
    }
    if (value instanceof ByteBuffer) {
      ByteBuffer bytes = ((ByteBuffer) value).duplicate();
      byte[] copy = new byte[bytes.remaining()];
      bytes.get(copy);
      return Reader.JSON.valueToTree(Base64.getEncoder().encodeToString(copy));
    }
    if (value instanceof Map) {
      ObjectNode map = Reader.JSON.createObjectNode();
      ((Map<?, ?>) value).forEach((key, item) -> map.put(key.toString(), item == null ? null : item.toString()));
      return map;
    }
    return Reader.JSON.valueToTree(value instanceof CharSequence ? value.toString() : value);
  }

  static Object fromJson(JsonNode value, Type type) {
    if (value == null || value.isNull()) return null;
    switch (type.typeId()) {
      case TIMESTAMP:
        return EPOCH.plus(Long.parseLong(value.asText()), ChronoUnit.MICROS);
      case BINARY:
        return ByteBuffer.wrap(Base64.getDecoder().decode(value.asText()));
      case MAP:
        Map<String, String> map = new LinkedHashMap<>();
        value.fields().forEachRemaining(entry -> map.put(entry.getKey(), entry.getValue().textValue()));
        return map;
      default:
        return literal(value, type);
    }
  }

  /** A value as Expressions takes it: a timestamptz as a long of microseconds. */
  static Object literal(JsonNode value, Type type) {
    switch (type.typeId()) {
      case TIMESTAMP:
      case LONG:
        return Long.parseLong(value.asText());
      case INTEGER:
        return value.asInt();
      case DOUBLE:
        return value.asDouble();
      case BOOLEAN:
        return value.asBoolean();
      case STRING:
        return value.asText();
      default:
        throw new IllegalArgumentException("no filter on a column of type " + type);
    }
  }

  static Expression filter(JsonNode filter, Schema schema) {
    if (filter == null) return Expressions.alwaysTrue();
    if (filter.has("and")) return all(filter.get("and"), schema).reduce(Expressions.alwaysTrue(), Expressions::and);
    if (filter.has("or")) return all(filter.get("or"), schema).reduce(Expressions.alwaysFalse(), Expressions::or);
    if (filter.has("not")) return Expressions.not(filter(filter.get("not"), schema));
    String column = filter.get("column").asText();
    Type type = schema.findType(column);
    JsonNode value = filter.get("value");
    switch (filter.get("is").asText()) {
      case "null":
        return Expressions.isNull(column);
      case "notNull":
        return Expressions.notNull(column);
      case "in":
        return Expressions.in(column, items(value).map(item -> literal(item, type)).toArray());
      case "eq":
        return Expressions.equal(column, literal(value, type));
      case "lt":
        return Expressions.lessThan(column, literal(value, type));
      case "le":
        return Expressions.lessThanOrEqual(column, literal(value, type));
      case "gt":
        return Expressions.greaterThan(column, literal(value, type));
      case "ge":
        return Expressions.greaterThanOrEqual(column, literal(value, type));
      case "startsWith":
        return Expressions.startsWith(column, value.asText());
      default:
        throw new IllegalArgumentException("\"is\": " + filter.get("is") + " is no comparison");
    }
  }

  private static Stream<Expression> all(JsonNode filters, Schema schema) {
    return items(filters).map(item -> filter(item, schema));
  }

  private static Stream<JsonNode> items(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false);
  }
}
