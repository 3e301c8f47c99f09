#!/usr/bin/env python3
"""Log records to events, source by source, against DuckDB on the same file, all on one thread, in the same session.

usage: sources.py AUDITLAKE [--megabytes N] [--runs N] [SOURCE…]

AUDITLAKE  a release build of the command
Needs the Python package duckdb. Makes its input from the fixtures of crates/sources, again and again. Prints MB of input and records
a second of processor time, best run of each. auditlake (`import --dry-run`) normalises every record, redacts secrets and judges who,
what and outcome; DuckDB takes some fields out of each record and keeps it: of JSON by its JSON reader, of access logs by one compiled
regular expression (RE2), of Parquet as it is and, like our column `raw`, as JSON.
"""
import argparse
import json
import math
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "crates/sources/tests/fixtures"
DUCKDB = "import sys, duckdb; c = duckdb.connect(); c.execute('set threads=1'); c.execute(sys.argv[1])"

# What a record is made of, and what DuckDB takes out of it.
JSON_SOURCES = {
    "aws.cloudtrail": (
        [f"cloudtrail/{name}.json" for name in ("assume_role_by_vendor", "get_object_by_presigned_url", "put_role_policy", "unauthorized_run_instances")],
        ["eventID", "eventTime", "eventName", "eventSource", "sourceIPAddress", "userAgent", "userIdentity.arn", "userIdentity.accessKeyId", "errorCode"],
    ),
    "gcp.audit": (
        [f"gcp/{name}.json" for name in ("set_iam_policy", "object_read_through_service_account", "denied_with_granted_left_out")],
        ["insertId", "timestamp", "logName", "protoPayload.methodName", "protoPayload.serviceName", "protoPayload.resourceName",
         "protoPayload.authenticationInfo.principalEmail", "protoPayload.requestMetadata.callerIp", "protoPayload.status.code"],
    ),
    "azure.storage": (
        [f"azure/{name}.json" for name in ("get_blob_by_token", "get_blob_by_signature", "anonymous_refused")],
        ["correlationId", "time", "operationName", "category", "statusCode", "statusText", "callerIpAddress", "identity.type", "uri"],
    ),
    "lakefs": (
        ["lakefs/server.log"],
        ["request_id", "time", "operation_id", "status_code", "user", "client", "source_ip", "method", "path"],
    ),
    "cloudevents": (
        ["shapes/cloudevents.ndjson"],
        ["id", "time", "type", "source", "subject", "data.actor_id", "data.outcome", "data.source_ip", "data.error_code"],
    ),
    "workos": (
        ["shapes/workos.ndjson"],
        ["action", "occurred_at", "actor.id", "actor.type", "targets[0].id", "targets[0].type", "context.location", "context.user_agent", "version"],
    ),
    "retraced": (
        ["shapes/retraced.json"],
        ["external_id", "created", "action", "actor.id", "actor.name", "target.id", "target.type", "source_ip", "is_failure"],
    ),
    "airbyte": (
        ["airbyte/single_entry.json"],
        ["id", "timestamp", "actor.actorId", "actor.email", "actor.ipAddress", "operation", "success", "errorMessage", "request"],
    ),
}
# An expression of the kind that people use: no key decoding, no ambiguity, and every line that does not fit is lost.
ACCESS_LOG = (
    r'^(\S+) (\S+) \[([^\]]+)\] (\S+) (\S+) (\S+) (\S+) (\S+) ("[^"]*"|-) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+) ("[^"]*"|-) ("[^"]*"|-) (\S+)'
)


# The audit table of lakeFS Cloud: rows that differ as those of a busy server do. Its log is the source `lakefs`.
PARQUET = "lakefs table"
TABLE = """copy (select (90000 + i % 400)::varchar as data_user, 'repo-' || i % 50 as data_repository, 'main' as data_ref,
    (200 + i % 5)::integer as data_status_code, 'rest_api' as data_service_name, uuid()::varchar as data_request_id,
    '/api/v1/repositories/repo-' || i % 50 || '/refs/main/objects?path=daily%2F2026%2Frain%20' || i || '.csv&presign=false' as data_path,
    'getObject' as data_operation_id, 'GET' as data_method,
    strftime(timestamp '2026-03-01 09:15:00' + to_milliseconds(i * 7), '%Y-%m-%dT%H:%M:%S.%gZ') as data_time
    from range({rows}) r(i)) to '{path}' (format parquet, compression snappy)"""
ROWS_A_MEGABYTE = 20_000


def processor_seconds(command):
    core = min(os.sched_getaffinity(0))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    # 3: something was quarantined, which some fixtures are made for.
    if done.returncode not in (0, 3):
        sys.exit(done.stderr.decode())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def records_of(text):
    """The records of a fixture: one, a list under `events`, or one a line."""
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line]
    return whole.get("events", [whole])


def records(source):
    """The records to repeat, one a line, and DuckDB's statement over a file of them."""
    if source == "aws.s3access":
        lines = [line for name in ("presigned_url", "access_point", "log_delivery", "batch_deletion") for line in (FIXTURES / f"s3access/{name}.log").read_text().splitlines()]
        groups = ", ".join(f"'f{number}'" for number in range(18))
        extract = f"SELECT regexp_extract(line, '{ACCESS_LOG}', [{groups}]) AS fields, line"
        return lines, f"create table t as {extract} from read_csv('%s', columns = {{'line': 'VARCHAR'}}, delim = '\\0', quote = '', escape = '', header = false)"
    names, fields = JSON_SOURCES[source]
    found = [record for name in names for record in records_of((FIXTURES / name).read_text())]
    taken = ", ".join(f"j->>'$.{field}'" for field in fields)
    lines = [json.dumps(record, separators=(",", ":"), ensure_ascii=False) for record in found]
    return lines, f"create table t as select {taken}, j from read_json_objects('%s', format='newline_delimited') x(j)"


def measure(source, auditlake, megabytes, runs, start):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "records.log"
        if source == PARQUET:
            count = megabytes * ROWS_A_MEGABYTE
            processor_seconds([sys.executable, "-c", DUCKDB, TABLE.format(rows=count, path=path)])
            statement = "create table t as select *, to_json(x) from read_parquet('%s') x"
        else:
            lines, statement = records(source)
            lines = [line + "\n" for line in lines]
            times = math.ceil(megabytes * 1_000_000 / len("".join(lines).encode()))
            count = times * len(lines)
            path.write_text("".join(lines) * times)
        size = path.stat().st_size / 1e6
        command = [auditlake, "import", path, "--source", source.split()[0], "--organization", "acme", "--dry-run"]
        ours = min(processor_seconds(command) for _ in range(runs))
        peer = min(processor_seconds([sys.executable, "-c", DUCKDB, statement % path]) for _ in range(runs)) - start
    thousands = count / ours / 1e3
    print(f"{source:16} {size / ours:8.1f} MB/s {thousands:6.0f} thousand/s   DuckDB {size / peer:8.1f} MB/s   {peer / ours:6.2f}x", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("auditlake")
    arguments.add_argument("sources", nargs="*", default=["aws.cloudtrail", "aws.s3access", *list(JSON_SOURCES)[1:], PARQUET])
    arguments.add_argument("--megabytes", type=int, default=150)
    arguments.add_argument("--runs", type=int, default=3)
    arguments = arguments.parse_args()
    start = min(processor_seconds([sys.executable, "-c", DUCKDB, "select 1"]) for _ in range(arguments.runs))
    for source in arguments.sources:
        measure(source, arguments.auditlake, arguments.megabytes, arguments.runs, start)


if __name__ == "__main__":
    main()
