"""Reads an Iceberg table with pyiceberg and with DuckDB.

    read-python --table FOLDER|NAME --query OPERATIONS|- [--readers pyiceberg,duckdb] [--properties PROPERTIES]

FOLDER is a table's folder, or one metadata file of it; of a folder the highest `metadata/vN.metadata.json` is read,
whatever version-hint.text says. PROPERTIES is a JSON object of Iceberg's own names: uri of a REST catalog (the table is
then a NAME such as health_db.health_data_raw), warehouse, s3.endpoint, s3.access-key-id, s3.secret-access-key,
s3.path-style-access, client.region. OPERATIONS, or stdin where it is `-`, is a JSON array, each of

    {"op": "count", "filter"?}                    -> {"rows"}; pyiceberg adds "files", the data files it would open
    {"op": "sum", "column", "filter"?}            -> {"rows", "nulls", "sum"}: decimal text, correctly rounded if double
    {"op": "rows", "columns"?, "filter"?}         -> {"rows": [{column: value}]} in any order
    {"op": "dump", "columns", "path", "filter"?}  -> {"rows", "path"}: PATH.READER.ndjson, one JSON array a line
    {"op": "snapshots"}                           -> {"snapshots": [{id, parentId, sequenceNumber, operation, summary}]}
    {"op": "files"}                               -> {"files": [{path, rows, bytes}]}

(the last two by pyiceberg only; DuckDB answers null). A filter is {"column", "is": "eq"|"lt"|"le"|"gt"|"ge", "value"},
{"column", "is": "in", "value": [...]}, {"column", "is": "startsWith", "value"}, {"column", "is": "null"|"notNull"},
{"and": [...]}, {"or": [...]} or {"not": filter}.

Values: timestamptz is microseconds since the epoch as decimal text, binary is base64, a map is an object; everything
else is JSON's own. Stdout is {"pyiceberg": [results], "duckdb": [results]}, in the order of the operations. A failing
operation ends it with exit code 1. It never writes to the table.
"""

import argparse
import base64
import json
import math
import os
import re
import sys
from urllib.parse import urlparse

import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
import pyarrow as pa
import pyiceberg.expressions as iceberg
from pyiceberg.catalog import load_catalog
from pyiceberg.table import StaticTable
from pyiceberg.types import TimestamptzType


def newest_metadata(table):
    """The metadata file to read, as a path."""
    table = urlparse(table).path if table.startswith("file:") else table
    if table.endswith(".metadata.json"):
        return table
    folder = os.path.join(table, "metadata")
    versions = [(int(found[1]), name) for name in os.listdir(folder) if (found := re.fullmatch(r"v(\d+)(\.gz)?\.metadata\.json", name))]
    if not versions:
        sys.exit(f"no vN.metadata.json in {folder}")
    return os.path.join(folder, max(versions)[1])


def json_columns(batch):
    """The columns of an Arrow batch as lists of values in the form that the header of this file gives."""
    return [json_column(column) for column in batch.columns]


def json_column(column):
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64()).cast(pa.string()).to_pylist()
    values = column.to_pylist()
    if pa.types.is_map(column.type):
        return [None if value is None else dict(value) for value in values]
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return [None if value is None else base64.b64encode(value).decode() for value in values]
    return values


def exact_sum(values):
    """Sum of a chunked column without nulls, as decimal text: exact for integers, correctly rounded for doubles."""
    add = math.fsum if pa.types.is_floating(values.type) else sum
    return repr(add(value for chunk in values.chunks for value in chunk.to_pylist()))


class PyIceberg:
    name = "pyiceberg"

    def __init__(self, table, properties):
        if "uri" in properties:
            self.table = load_catalog("catalog", type="rest", **properties).load_table(table)
        else:
            self.table = StaticTable.from_metadata(newest_metadata(table), properties)
        self.schema = self.table.schema()
        self.columns = [field.name for field in self.schema.fields]

    def scan(self, columns, filter):
        return self.table.scan(row_filter=self.expression(filter), selected_fields=tuple(columns))

    def batches(self, columns, filter):
        # The scan orders columns as the schema does.
        return (batch.select(columns) for batch in self.scan(columns, filter).to_arrow_batch_reader())

    def count(self, filter):
        # Rows are read, not taken from the manifests as the scan's own count() does.
        rows = sum(batch.num_rows for batch in self.batches(self.columns[:1], filter))
        return {"rows": rows, "files": len(list(self.scan(self.columns[:1], filter).plan_files()))}

    def snapshots(self):
        return {
            "snapshots": [
                {
                    "id": str(snapshot.snapshot_id),
                    "parentId": None if snapshot.parent_snapshot_id is None else str(snapshot.parent_snapshot_id),
                    "sequenceNumber": snapshot.sequence_number,
                    "operation": snapshot.summary.operation.value,
                    "summary": dict(snapshot.summary.additional_properties),
                }
                for snapshot in self.table.snapshots()
            ]
        }

    def files(self):
        files = (task.file for task in self.table.scan().plan_files())
        return {"files": [{"path": f.file_path, "rows": f.record_count, "bytes": f.file_size_in_bytes} for f in files]}

    def expression(self, filter):
        if filter is None:
            return iceberg.AlwaysTrue()
        if "and" in filter:
            return iceberg.And(*map(self.expression, filter["and"]))
        if "or" in filter:
            return iceberg.Or(*map(self.expression, filter["or"]))
        if "not" in filter:
            return iceberg.Not(self.expression(filter["not"]))
        column, comparison = filter["column"], filter["is"]
        if comparison in ("null", "notNull"):
            return (iceberg.IsNull if comparison == "null" else iceberg.NotNull)(column)
        if comparison == "in":
            return iceberg.In(column, [self.literal(column, value) for value in filter["value"]])
        predicate = {
            "eq": iceberg.EqualTo,
            "lt": iceberg.LessThan,
            "le": iceberg.LessThanOrEqual,
            "gt": iceberg.GreaterThan,
            "ge": iceberg.GreaterThanOrEqual,
            "startsWith": iceberg.StartsWith,
        }[comparison]
        return predicate(column, self.literal(column, filter["value"]))

    def literal(self, column, value):
        # pyiceberg takes an integer for a timestamptz as microseconds.
        return int(value) if self.schema.find_type(column) == TimestamptzType() else value


class DuckDB:
    name = "duckdb"

    def __init__(self, table, properties):
        # The extensions come with their packages: nothing is looked up or downloaded.
        self.connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
        for package in (duckdb_extension_avro, duckdb_extension_httpfs, duckdb_extension_iceberg):
            self.connection.execute(f"LOAD '{extension_file(package)}'")
        self.connection.execute("SET TimeZone = 'UTC'")
        if "s3.endpoint" in properties:
            self.connection.execute(f"CREATE SECRET (TYPE s3, {s3_secret(properties)})")
        if "uri" in properties:
            warehouse, uri = quoted(properties.get("warehouse", "")), quoted(properties["uri"])
            self.connection.execute(f"ATTACH {warehouse} AS lake (TYPE iceberg, ENDPOINT {uri}, AUTHORIZATION_TYPE 'none', ACCESS_DELEGATION_MODE 'none')")
            namespace, _, name = table.rpartition(".")
            self.source = f"lake.{identifier(namespace)}.{identifier(name)}"
        else:
            self.source = f"iceberg_scan({quoted(newest_metadata(table))})"
        described = self.connection.execute(f"DESCRIBE SELECT * FROM {self.source}").fetchall()
        self.types = {row[0]: row[1] for row in described}
        self.columns = list(self.types)

    def select(self, expression, filter):
        return self.connection.execute(f"SELECT {expression} FROM {self.source} WHERE {self.condition(filter)}")

    def batches(self, columns, filter):
        return self.select(", ".join(map(identifier, columns)), filter).to_arrow_reader(100_000)

    def count(self, filter):
        return {"rows": self.select("count(*)", filter).fetchone()[0]}

    def snapshots(self):
        return None

    def files(self):
        return None

    def condition(self, filter):
        if filter is None:
            return "true"
        for word in ("and", "or"):
            if word in filter:
                return "(" + f" {word} ".join(map(self.condition, filter[word])) + ")"
        if "not" in filter:
            return f"not ({self.condition(filter['not'])})"
        column, comparison = filter["column"], filter["is"]
        if comparison in ("null", "notNull"):
            return f"{identifier(column)} is {'null' if comparison == 'null' else 'not null'}"
        if comparison == "in":
            return f"{identifier(column)} in ({', '.join(self.literal(column, value) for value in filter['value'])})"
        literal = self.literal(column, filter["value"])
        if comparison == "startsWith":
            return f"starts_with({identifier(column)}, {literal})"
        return f"{identifier(column)} {dict(eq='=', lt='<', le='<=', gt='>', ge='>=')[comparison]} {literal}"

    def literal(self, column, value):
        kind = self.types[column]
        if kind == "TIMESTAMP WITH TIME ZONE":
            return f"CAST(make_timestamp({int(value)}) AS TIMESTAMPTZ)"
        if isinstance(value, str):
            return quoted(value)
        return f"CAST({json.dumps(value)} AS {kind})"


def s3_secret(properties):
    endpoint = urlparse(properties["s3.endpoint"])
    settings = {
        "KEY_ID": quoted(properties["s3.access-key-id"]),
        "SECRET": quoted(properties["s3.secret-access-key"]),
        "REGION": quoted(properties.get("client.region", "us-east-1")),
        "ENDPOINT": quoted(endpoint.netloc),
        "USE_SSL": str(endpoint.scheme == "https").lower(),
        "URL_STYLE": quoted("path" if properties.get("s3.path-style-access") == "true" else "vhost"),
    }
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def extension_file(package):
    folder = os.path.join(os.path.dirname(package.__file__), "extensions", f"v{duckdb.__version__}")
    return os.path.join(folder, next(name for name in os.listdir(folder) if name.endswith(".duckdb_extension")))


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def identifier(name):
    return '"' + name.replace('"', '""') + '"'


def rows(reader, columns, filter):
    return {
        "rows": [
            dict(zip(columns, values))
            for batch in reader.batches(columns, filter)
            for values in zip(*json_columns(batch))
        ]
    }


def dump(reader, columns, filter, path):
    path, count = f"{path}.{reader.name}.ndjson", 0
    with open(path, "w", encoding="utf-8") as file:
        for batch in reader.batches(columns, filter):
            count += batch.num_rows
            lines = (json.dumps(values, ensure_ascii=False) for values in zip(*json_columns(batch)))
            file.writelines(line + "\n" for line in lines)
    return {"rows": count, "path": path}


def total(reader, column, filter):
    chunks = [batch.column(0) for batch in reader.batches([column], filter)]
    values = pa.chunked_array(chunks) if chunks else pa.chunked_array([[]], type=pa.float64())
    present = values.drop_null()
    return {"rows": len(values), "nulls": values.null_count, "sum": exact_sum(present)}


def run(reader, operation):
    filter = operation.get("filter")
    match operation["op"]:
        case "count":
            return reader.count(filter)
        case "sum":
            return total(reader, operation["column"], filter)
        case "rows":
            return rows(reader, operation.get("columns") or reader.columns, filter)
        case "dump":
            return dump(reader, operation["columns"], filter, operation["path"])
        case "snapshots":
            return reader.snapshots()
        case "files":
            return reader.files()
        case unknown:
            sys.exit(f"op '{unknown}' is none of count, sum, rows, dump, snapshots, files")


def main():
    arguments = argparse.ArgumentParser(allow_abbrev=False)
    arguments.add_argument("--table", required=True)
    arguments.add_argument("--query", required=True)
    arguments.add_argument("--readers", default="pyiceberg,duckdb")
    arguments.add_argument("--properties", default="{}")
    given = arguments.parse_args()
    operations = json.loads(sys.stdin.read() if given.query == "-" else given.query)
    properties = json.loads(given.properties)
    answers = {}
    for kind in (PyIceberg, DuckDB):
        if kind.name in given.readers.split(","):
            reader = kind(given.table, properties)
            answers[kind.name] = [run(reader, operation) for operation in operations]
    json.dump(answers, sys.stdout, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
