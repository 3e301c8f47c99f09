"""Tables of the Glue catalog in Trino's words.

What stands in Glue is what the template put there; nothing is added. A parameter that has no counterpart here stops the test
server, because a table that differs from the deployed one would prove nothing.
"""

import base64
import json
import re

HIVE_TO_TRINO = {
    "string": "varchar", "int": "integer", "bigint": "bigint", "double": "double", "boolean": "boolean", "date": "date",
    "timestamp": "timestamp(3)",
}
FORMATS = {
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": "PARQUET",
    "org.openx.data.jsonserde.JsonSerDe": "OPENX_JSON",
}
# Parameters that say nothing of where data lies or how it is read.
WITHOUT_EFFECT = {"EXTERNAL", "classification", "comment", "typeOfData"}
VIEW = re.compile(r"^/\* Presto View: ([A-Za-z0-9+/=]+) \*/$")


class NotTranslatable(ValueError):
    """Glue says something that has no counterpart here."""


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def split_at_top(text, separator):
    """`text` cut at separators that are not inside `<…>`."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "<") - (character == ">")
        if character == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def trino_type(hive):
    """`array<struct<a:string>>` becomes `array(row("a" varchar))`."""
    hive = hive.strip()
    if hive in HIVE_TO_TRINO:
        return HIVE_TO_TRINO[hive]
    shape = re.fullmatch(r"(array|struct|map)<(.*)>", hive)
    if not shape:
        raise NotTranslatable(f"column type {hive}")
    kind, inner = shape.groups()
    if kind == "struct":
        fields = [split_at_top(field, ":") for field in split_at_top(inner, ",")]
        return "row(" + ", ".join(f"{quoted(name)} {trino_type(':'.join(rest))}" for name, *rest in fields) + ")"
    return f"{kind}(" + ", ".join(trino_type(part) for part in split_at_top(inner, ",")) + ")"


def projection(column, settings):
    """The properties of a projected partition column; `settings` are the parameters `projection.<column>.*`."""
    def array(text):
        return "ARRAY[" + ", ".join(literal(part.strip()) for part in text.split(",")) + "]"

    known = {
        "type": lambda value: f"partition_projection_type = {literal(value)}",
        "values": lambda value: f"partition_projection_values = {array(value)}",
        "range": lambda value: f"partition_projection_range = {array(value)}",
        "digits": lambda value: f"partition_projection_digits = {int(value)}",
        "format": lambda value: f"partition_projection_format = {literal(value)}",
        "interval": lambda value: f"partition_projection_interval = {int(value)}",
        "interval.unit": lambda value: f"partition_projection_interval_unit = {literal(value)}",
    }
    unknown = set(settings) - set(known)
    if unknown or "type" not in settings:
        raise NotTranslatable(f"projection of {column}: {sorted(unknown) or 'without a type'}")
    return ", ".join(known[name](value) for name, value in settings.items())


def table_ddl(schema, table):
    """`CREATE TABLE` of a table of Glue with projected partitions."""
    parameters = dict(table["Parameters"])
    storage = table["StorageDescriptor"]
    serde = storage["SerdeInfo"]["SerializationLibrary"]
    if serde not in FORMATS:
        raise NotTranslatable(f"{table['Name']}: {serde}")
    if parameters.pop("projection.enabled", None) != "true":
        raise NotTranslatable(f"{table['Name']}: its partitions are not projected, and nobody registers any")
    template = parameters.pop("storage.location.template", None)
    columns = [f"  {quoted(column['Name'])} {trino_type(column['Type'])}" for column in storage["Columns"]]
    names = [column["Name"] for column in table["PartitionKeys"]]
    for column in table["PartitionKeys"]:
        begin = f"projection.{column['Name']}."
        settings = {name[len(begin):]: parameters.pop(name) for name in sorted(parameters) if name.startswith(begin)}
        columns.append(f"  {quoted(column['Name'])} {trino_type(column['Type'])} WITH ({projection(column['Name'], settings)})")
    unknown = set(parameters) - WITHOUT_EFFECT
    if unknown:
        raise NotTranslatable(f"{table['Name']}: parameters {sorted(unknown)}")
    properties = [
        f"format = {literal(FORMATS[serde])}",
        f"external_location = {literal(storage['Location'])}",
        f"partitioned_by = ARRAY[{', '.join(literal(name) for name in names)}]",
        "partition_projection_enabled = true",
    ]
    if template:
        properties.append(f"partition_projection_location_template = {literal(template)}")
    body, options = ",\n".join(columns), ",\n  ".join(properties)
    return f"CREATE TABLE {quoted(schema)}.{quoted(table['Name'])} (\n{body}\n)\nWITH (\n  {options}\n)"


def is_view(table):
    return table.get("TableType") == "VIRTUAL_VIEW"


def view_definition(table):
    """What Athena keeps of a view: its SQL, its catalog and schema, its columns with Trino's types."""
    if table.get("Parameters", {}).get("presto_view") != "true":
        raise NotTranslatable(f"view {table['Name']}: without presto_view")
    text = VIEW.match(table.get("ViewOriginalText", ""))
    if not text:
        raise NotTranslatable(f"view {table['Name']}: its text is not that of a Presto view")
    definition = json.loads(base64.b64decode(text.group(1), validate=True))
    hive = [(column["Name"], trino_type(column["Type"])) for column in table["StorageDescriptor"]["Columns"]]
    trino = [(column["name"], column["type"]) for column in definition["columns"]]
    if hive != trino:
        raise NotTranslatable(f"view {table['Name']}: Columns say {hive}, the definition says {trino}")
    return definition


def view_ddl(schema, table):
    definition = view_definition(table)
    return f"CREATE VIEW {quoted(schema)}.{quoted(table['Name'])} AS {definition['originalSql']}"


def view_input(schema, name, sql, columns):
    """Glue's table input of a view, as Athena writes it; `columns` have Trino's types."""
    hive = {trino: hive for hive, trino in HIVE_TO_TRINO.items()}
    definition = {
        "originalSql": sql, "catalog": "awsdatacatalog", "schema": schema,
        "columns": [{"name": column, "type": kind} for column, kind in columns],
    }
    text = base64.b64encode(json.dumps(definition).encode()).decode()
    return {
        "Name": name, "TableType": "VIRTUAL_VIEW", "Parameters": {"presto_view": "true", "comment": "Presto View"}, "PartitionKeys": [],
        "StorageDescriptor": {"Columns": [{"Name": column, "Type": hive[kind]} for column, kind in columns], "Location": "", "SerdeInfo": {}},
        "ViewExpandedText": "/* Presto View */", "ViewOriginalText": f"/* Presto View: {text} */",
    }
