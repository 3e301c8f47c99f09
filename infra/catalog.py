#!/usr/bin/env python3
"""Writes the part of template.yaml that describes the lake to Athena: the tables and the views.

    infra/catalog.py           prints the part
    infra/catalog.py --write   puts it into infra/template.yaml, between its two marks
    infra/catalog.py --check   exits 1 where the template differs

The columns come from crates/event/src/columns.rs, their single source. The tables over events are those of
crates/athena/src/tables.rs; tests/template compares them with what that code gives.

A view is stored as Athena stores its own: `/* Presto View: <base64 of JSON> */`, with Trino's types inside and Hive's in
`Columns`. CloudFormation does the base64, because the name of the database is a parameter.

`events_live` is bound to `sealed until` by literals. It is made with 1970, before everything, as `live_view` of
crates/athena/src/tables.rs would make it; `compact` replaces it after each seal.
"""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TEMPLATE = HERE / "template.yaml"
COLUMNS = HERE.parent / "crates/event/src/columns.rs"

BEGIN = "  # --- catalogue: made by infra/catalog.py, not by hand ---"
END = "  # --- end of the catalogue ---"

HIVE = {"Text": "string", "Time": "timestamp", "Int32": "int"}
TRINO = {"Text": "varchar", "Time": "timestamp(3)", "Int32": "integer"}
IN_THE_PATH = ("region", "organization")

PARQUET = {
    "input": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "output": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "serde": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}
JSON_LINES = {
    "input": "org.apache.hadoop.mapred.TextInputFormat",
    "output": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "serde": "org.openx.data.jsonserde.JsonSerDe",
}

NOT_SEALED_YET = "TIMESTAMP '1970-01-01 00:00:00.000'"
HOUR_OF_EVENT = "date_format(event_time, 'year=%Y/month=%m/day=%d/hour=%H')"


def columns():
    """(name, kind) of every column of an event, in file order."""
    found = re.findall(r'^\s*\w+ = \d+, "(\w+)", (\w+), (?:true|false);', COLUMNS.read_text("utf-8"), re.MULTILINE)
    if not found:
        raise SystemExit(f"no columns found in {COLUMNS}")
    return found


def date_projection(column, pattern, start, end, unit):
    return {
        f"projection.{column}.type": "date",
        f"projection.{column}.format": pattern,
        f"projection.{column}.range": f"{start},{end}",
        f"projection.{column}.interval": "1",
        f"projection.{column}.interval.unit": unit,
    }


def integer_projection(column, start, end, digits):
    return {
        f"projection.{column}.type": "integer",
        f"projection.{column}.range": f"{start},{end}",
        f"projection.{column}.digits": str(digits),
    }


def tables():
    """The tables: logical id, name, a sentence, columns, partitions, parameters, location, template of locations, form."""
    every = [(name, HIVE[kind]) for name, kind in columns()]
    archived = [(name, hive) for name, hive in every if name not in IN_THE_PATH]
    tenant = {"projection.region.type": "enum", "projection.region.values": "@Regions", "projection.organization.type": "injected"}
    archive = "s3://${ArchiveBucket}/etl/v1/data/"
    of_tenant = archive + "region=${!region}/organization=org-${!organization}"
    yield {
        "id": "EventsTable", "name": "events", "about": "The archive, with a partition column for each part of the path.",
        "columns": archived, "partitions": [*IN_THE_PATH, "year", "month", "day", "hour"],
        "parameters": tenant
        | integer_projection("year", 2000, 2099, 4) | integer_projection("month", 1, 12, 2)
        | integer_projection("day", 1, 31, 2) | integer_projection("hour", 0, 23, 2),
        "location": archive,
        "template": of_tenant + "/year=${!year}/month=${!month}/day=${!day}/hour=${!hour}/",
        "form": PARQUET, "classification": "parquet",
    }
    yield {
        "id": "EventsHourlyTable", "name": "events_hourly", "about": "The archive, with one range column: a BETWEEN on dt prunes.",
        "columns": archived, "partitions": [*IN_THE_PATH, "dt"],
        "parameters": tenant | date_projection(
            "dt", "'year='yyyy'/month='MM'/day='dd'/hour='HH", "year=2000/month=01/day=01/hour=00", "NOW", "HOURS"),
        "location": archive, "template": of_tenant + "/${!dt}/", "form": PARQUET, "classification": "parquet",
    }
    landing = "s3://${LandingBucket}/landing/"
    yield {
        "id": "EventsLandingTable", "name": "events_landing", "about": "What is not sealed yet (and what is, until it expires).",
        "columns": every, "partitions": ["arrival"],
        "parameters": date_projection("arrival", "yyyy-MM-dd'T'HH", "2026-01-01T00", "NOW+1HOURS", "HOURS"),
        "location": landing, "template": landing + "arrival=${!arrival}/", "form": PARQUET, "classification": "parquet",
    }
    seals = "s3://${ArchiveBucket}/seals/"
    yield {
        "id": "SealsTable", "name": "seals", "about": "The seal records. Names that begin with _ are hidden: closes, plans, shards.",
        "columns": [
            ("format_version", "int"), ("seal_time", "string"), ("plan_sha256", "string"),
            ("inputs", "array<struct<key:string,etag:string,rows:bigint>>"),
            ("set_aside", "array<struct<key:string,etag:string,reason:string>>"),
            ("outputs", "array<struct<key:string,sha256:string,bytes:bigint,rows:bigint,merkle_root:string,"
                        "min_event_time:string,max_event_time:string>>"),
            ("digests", "array<struct<organization:string,key:string,sha256:string>>"),
            ("rows_in", "bigint"), ("rows_out", "bigint"), ("duplicates", "bigint"), ("conflicts", "bigint"),
            ("late_rows", "bigint"), ("unsearched", "array<struct<key:string,reason:string>>"),
            ("displaced", "array<struct<key:string,reason:string>>"), ("previous_sha256", "string"),
        ],
        "partitions": ["dt"],
        "parameters": date_projection("dt", "'year='yyyy'/month='MM'/day='dd", "year=2026/month=01/day=01", "NOW", "DAYS"),
        "location": seals, "template": seals + "${!dt}/", "form": JSON_LINES, "classification": "json",
    }
    directory = "s3://${ResultsBucket}/directory/"
    yield {
        "id": "ActorsTable", "name": "actors", "about": "The identity directory: who an actor_id is.",
        "columns": [("actor_id", "string"), ("email", "string"), ("name", "string")], "partitions": ["organization"],
        "parameters": {"projection.organization.type": "injected"},
        "location": directory, "template": directory + "organization=org-${!organization}/",
        "form": JSON_LINES, "classification": "json",
    }


def views():
    """The views: logical id, name, a sentence, SQL, columns with both types, tables read."""
    every = columns()
    names = ", ".join(name for name, _ in every)
    yield {
        "id": "EventsLiveView", "name": "events_live",
        "about": "Archive and landing in one; a retried event may show twice until it is sealed.",
        "sql": f'SELECT {names}, dt FROM "${{Database}}"."events_hourly" WHERE seal_time < {NOT_SEALED_YET} UNION ALL '
               f'SELECT {names}, {HOUR_OF_EVENT} AS dt FROM "${{Database}}"."events_landing" WHERE seal_time >= {NOT_SEALED_YET} '
               "AND arrival >= '1969-12-31T23'",
        "columns": [(name, HIVE[kind], TRINO[kind]) for name, kind in every] + [("dt", "string", "varchar")],
        "reads": ["EventsHourlyTable", "EventsLandingTable"],
    }
    parts = [*IN_THE_PATH, "year", "month", "day", "hour"]
    # What crates/sources/src/lakefs makes of these columns; tests/lakefs_view.rs there holds both together. The repository and
    # the reference that events have for the REST API too are not lakeFS's columns, which are null there.
    lakefs = {
        "data_user": "actor_id",
        "data_repository": "json_extract_scalar(metadata, '$.data_repository')",
        "data_ref": "json_extract_scalar(metadata, '$.data_ref')",
        "data_service_name": "service_name",
        "data_request_id": "request_id",
        "data_path": "COALESCE(http_path, json_extract_scalar(metadata, '$.path'))",
        "data_operation_id": "json_extract_scalar(metadata, '$.operation_id')",
        "data_method": "http_method",
        "data_time": "COALESCE(json_extract_scalar(metadata, '$.data_time'), "
                     "substr(date_format(event_time, '%Y-%m-%dT%H:%i:%s.%f'), 1, 23) || 'Z')",
        "data_status_code": "http_status",
    }
    lakefs |= {name: f"CAST({text} AS varchar)" for name, text in lakefs.items() if "(" in text}
    types = {"data_status_code": ("int", "integer")}
    selected = ", ".join(f"{expression} AS {name}" for name, expression in lakefs.items())
    yield {
        "id": "LakefsAuditView", "name": "lakefs_audit", "about": "lakeFS's own column names, over its events.",
        "sql": f"SELECT {selected}, {', '.join(parts)} FROM \"${{Database}}\".\"events\" WHERE source = 'lakefs'",
        "columns": [(name, *types.get(name, ("string", "varchar"))) for name in [*lakefs, *parts]],
        "reads": ["EventsTable"],
    }


def quoted(text):
    """A YAML scalar in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def value(text):
    if text == "@Regions":
        return "!If [HasRegions, !Ref Regions, !If [HasInstallationRegion, !Ref InstallationRegion, !Ref AWS::Region]]"
    return ("!Sub " if "${" in text else "") + quoted(text)


def render_columns(pairs, indent):
    return [f"{indent}- {{Name: {name}, Type: {quoted(hive)}}}" for name, hive in pairs]


def render_table(table):
    parameters = {
        "EXTERNAL": "TRUE", "classification": table["classification"], "projection.enabled": "true",
        **table["parameters"], "storage.location.template": table["template"],
    }
    lines = [
        f"  {table['id']}:", "    Type: AWS::Glue::Table", "    Properties:", "      CatalogId: !Ref AWS::AccountId",
        "      DatabaseName: !Ref Database", "      TableInput:", f"        Name: {table['name']}",
        f"        Description: {quoted(table['about'])}", "        TableType: EXTERNAL_TABLE", "        Parameters:",
    ]
    lines += [f"          {quoted(name)}: {value(text)}" for name, text in sorted(parameters.items())]
    lines += ["        PartitionKeys:", *render_columns([(name, "string") for name in table["partitions"]], " " * 10)]
    lines += ["        StorageDescriptor:", f"          Location: {value(table['location'])}"]
    form = table["form"]
    lines += [f"          InputFormat: {form['input']}", f"          OutputFormat: {form['output']}"]
    lines += [f"          SerdeInfo: {{SerializationLibrary: {form['serde']}}}", "          Columns:"]
    return lines + render_columns(table["columns"], " " * 12)


def render_view(view):
    definition = {
        "originalSql": view["sql"], "catalog": "awsdatacatalog", "schema": "${Database}",
        "columns": [{"name": name, "type": trino} for name, _, trino in view["columns"]],
    }
    lines = [
        f"  {view['id']}:", "    Type: AWS::Glue::Table", f"    DependsOn: [{', '.join(view['reads'])}]", "    Properties:",
        "      CatalogId: !Ref AWS::AccountId", "      DatabaseName: !Ref Database", "      TableInput:",
        f"        Name: {view['name']}", f"        Description: {quoted(view['about'])}", "        TableType: VIRTUAL_VIEW",
        "        Parameters: {presto_view: 'true', comment: Presto View}", "        PartitionKeys: []",
        "        StorageDescriptor:", "          Location: ''", "          SerdeInfo: {}", "          Columns:",
    ]
    lines += render_columns([(name, hive) for name, hive, _ in view["columns"]], " " * 12)
    lines += [
        "        ViewExpandedText: '/* Presto View */'", "        ViewOriginalText: !Sub",
        "          - '/* Presto View: ${View} */'", "          - View:", "              Fn::Base64: !Sub >-",
        " " * 16 + json.dumps(definition, separators=(",", ":")),
    ]
    return lines


def render():
    lines = [BEGIN]
    for table in tables():
        lines += render_table(table) + [""]
    for view in views():
        lines += render_view(view) + [""]
    return "\n".join(lines + [END]) + "\n"


def main(arguments):
    if arguments not in ([], ["--write"], ["--check"]):
        raise SystemExit(__doc__)
    part = render()
    if not arguments:
        sys.stdout.write(part)
        return
    template = TEMPLATE.read_text("utf-8")
    before, _, rest = template.partition(BEGIN)
    _, found, after = rest.partition(END + "\n")
    if not found:
        raise SystemExit("the marks of the catalogue are missing from infra/template.yaml")
    wanted = before + part + after
    if arguments == ["--write"]:
        TEMPLATE.write_text(wanted, "utf-8")
    elif wanted != template:
        raise SystemExit("infra/template.yaml differs from infra/catalog.py: run infra/catalog.py --write")


if __name__ == "__main__":
    main(sys.argv[1:])
