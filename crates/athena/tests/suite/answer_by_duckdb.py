"""Answers Athena's statements by DuckDB: one JSON request a line on standard input, one JSON answer a line on standard output.

Argument: a folder with the lake's objects. What DuckDB spells otherwise is translated; everything else is the statement as it is.
"""

import datetime
import ipaddress
import json
import re
import sys

import duckdb

lake = sys.argv[1]
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
connection.execute("CREATE SCHEMA auditlake")
connection.execute("CREATE MACRO date_format(t, f) AS strftime(t, f)")


def ip_number(text):
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = int(address) + 0xFFFF_0000_0000 if address.version == 4 else int(address)
    return f"{mapped:032x}"


def json_extract_scalar(text, path):
    """As Trino has it: the first member of the path, a text or the JSON of a number, true or false."""
    if text is None:
        return None
    try:
        value = json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        return None
    for name in path_names(path):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


def path_names(path):
    if path.startswith("$."):
        return path[2:].split(".")
    return [json.loads(name) for name in re.findall(r'"(?:[^"\\]|\\.)*"', path)]


connection.create_function("json_extract_scalar", json_extract_scalar, ["VARCHAR", "VARCHAR"], "VARCHAR", null_handling="special")
connection.create_function("ip_number", ip_number, ["VARCHAR"], "VARCHAR", null_handling="special")
times = ", ".join(f"{name} AT TIME ZONE 'UTC' AS {name}" for name in ["event_time", "received_time", "seal_time"])
connection.execute(f"""CREATE TABLE auditlake.events_hourly AS SELECT * REPLACE ({times}),
    regexp_extract(filename, 'region=([^/]+)/', 1) AS region,
    regexp_extract(filename, 'organization=org-([^/]+)/', 1) AS organization,
    regexp_extract(filename, 'year=[^.]*hour=[0-9]+') AS dt
    FROM read_parquet('{lake}/etl/**/*.parquet', filename = true, hive_partitioning = false)""")
connection.execute(f"""CREATE TABLE auditlake.events_landing AS SELECT * EXCLUDE (filename) REPLACE ({times}),
    filename AS "$path", regexp_extract(filename, 'arrival=([^/]+)/', 1) AS arrival
    FROM read_parquet('{lake}/landing/**/*.parquet', filename = true, hive_partitioning = false)""")


def text_of(value):
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03}"
    return None if value is None else str(value)


for line in sys.stdin:
    request = json.loads(line)
    # In Athena the cast makes a JSON string of a text, here it would parse the text.
    statement = request["text"].replace("CAST(? AS JSON)", "to_json(?::VARCHAR)")
    statement = statement.replace("CAST(concat(?, ?, ?) AS JSON)", "to_json(concat(?, ?, ?))")
    statement = statement.replace("TRY_CAST(source_ip AS IPADDRESS)", "ip_number(source_ip)")
    statement = re.sub(r"CAST\(\? AS IPADDRESS\)", "ip_number(?)", statement)
    statement = statement.replace(
        "transform(TRY_CAST(json_parse(changes) AS ARRAY(JSON)), change -> ",
        "list_transform(CAST(changes AS JSON[]), lambda change: ",
    )
    statement = re.sub(
        r"CAST\(with_timezone\(event_time, 'UTC'\) AT TIME ZONE ('[^']+') AS timestamp\(3\)\)",
        r"timezone(\1, timezone('UTC', event_time))",
        statement,
    )
    parameters = [literal[1:-1].replace("''", "'") for literal in request["parameters"]]
    try:
        found = connection.execute(statement, parameters)
        columns = [column[0] for column in found.description]
        answer = {"columns": columns, "rows": [[text_of(value) for value in row] for row in found.fetchall()]}
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
