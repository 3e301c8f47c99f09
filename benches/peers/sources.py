#!/usr/bin/env python3
"""Log records to events, source by source, against DuckDB on the same file, all on one thread, in the same session.

usage: sources.py AUDITLAKE [--megabytes N] [--runs N] [SOURCE…]

AUDITLAKE  a release build of the command
Needs the Python package duckdb. Makes its input from the fixtures of crates/sources, again and again. Prints MB of input a second of
processor time, best run of each. auditlake (`import --dry-run`) normalises every record, redacts secrets and judges who, what and
outcome; DuckDB takes some fields out of each record and keeps it: of JSON by its JSON reader, of access logs by one compiled
regular expression (RE2).
"""
import argparse
import json
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
    "airbyte": (
        ["airbyte/single_entry.json"],
        ["id", "timestamp", "actor.actorId", "actor.email", "actor.ipAddress", "operation", "success", "errorMessage", "request"],
    ),
}
# An expression of the kind that people use: no key decoding, no ambiguity, and every line that does not fit is lost.
ACCESS_LOG = (
    r'^(\S+) (\S+) \[([^\]]+)\] (\S+) (\S+) (\S+) (\S+) (\S+) ("[^"]*"|-) (\S+) (\S+) (\S+) (\S+) (\S+) (\S+) ("[^"]*"|-) ("[^"]*"|-) (\S+)'
)


def processor_seconds(command):
    core = min(os.sched_getaffinity(0))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    # 3: something was quarantined, which some fixtures are made for.
    if done.returncode not in (0, 3):
        sys.exit(done.stderr.decode())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def records(source):
    """The records to repeat, one a line, and DuckDB's statement over a file of them."""
    if source == "aws.s3access":
        lines = [line for name in ("presigned_url", "access_point", "log_delivery", "batch_deletion") for line in (FIXTURES / f"s3access/{name}.log").read_text().splitlines()]
        groups = ", ".join(f"'f{number}'" for number in range(18))
        extract = f"SELECT regexp_extract(line, '{ACCESS_LOG}', [{groups}]) AS fields, line"
        return lines, f"create table t as {extract} from read_csv('%s', columns = {{'line': 'VARCHAR'}}, delim = '\\0', quote = '', escape = '', header = false)"
    names, fields = JSON_SOURCES[source]
    taken = ", ".join(f"j->>'$.{field}'" for field in fields)
    lines = [json.dumps(json.loads((FIXTURES / name).read_bytes()), separators=(",", ":"), ensure_ascii=False) for name in names]
    return lines, f"create table t as select {taken}, j from read_json_objects('%s', format='newline_delimited') x(j)"


def measure(source, auditlake, megabytes, runs, start):
    lines, statement = records(source)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "records.log"
        with path.open("w") as out:
            written = 0
            while written < megabytes * 1_000_000:
                written += sum(out.write(line + "\n") for line in lines)
        size = path.stat().st_size / 1e6
        ours = min(processor_seconds([auditlake, "import", path, "--source", source, "--organization", "acme", "--dry-run"]) for _ in range(runs))
        peer = min(processor_seconds([sys.executable, "-c", DUCKDB, statement % path]) for _ in range(runs)) - start
    print(f"{source:16} {size / ours:8.1f} MB/s   DuckDB {size / peer:8.1f} MB/s   {peer / ours:6.2f}x")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("auditlake")
    arguments.add_argument("sources", nargs="*", default=["aws.cloudtrail", "aws.s3access", "gcp.audit", "azure.storage", "airbyte"])
    arguments.add_argument("--megabytes", type=int, default=150)
    arguments.add_argument("--runs", type=int, default=3)
    arguments = arguments.parse_args()
    start = min(processor_seconds([sys.executable, "-c", DUCKDB, "select 1"]) for _ in range(arguments.runs))
    for source in arguments.sources:
        measure(source, arguments.auditlake, arguments.megabytes, arguments.runs, start)


if __name__ == "__main__":
    main()
