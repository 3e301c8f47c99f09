#!/usr/bin/env python3
"""CloudTrail records to events against DuckDB's JSON reader, both on one thread, in the same session.

usage: sources.py AUDITLAKE [--records N] [--runs N]

AUDITLAKE  a release build of the command
Needs the Python package duckdb. Makes its input from the fixtures of crates/sources. Prints MB of input a second of processor
time, best run of each. auditlake (`import --dry-run`) normalises every record, redacts secrets and judges who, what and
outcome; DuckDB infers and fills typed columns, or takes nine fields out of each record and keeps it.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "crates/sources/tests/fixtures/cloudtrail"
KINDS = ["assume_role_by_vendor", "get_object_by_presigned_url", "put_role_policy", "unauthorized_run_instances"]
FIELDS = ["eventID", "eventTime", "eventName", "eventSource", "sourceIPAddress", "userAgent", "userIdentity.arn", "userIdentity.accessKeyId", "errorCode"]
DUCKDB = "import sys, duckdb; c = duckdb.connect(); c.execute('set threads=1'); c.execute(sys.argv[1])"


def processor_seconds(command):
    core = min(os.sched_getaffinity(0))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("auditlake")
    arguments.add_argument("--records", type=int, default=100_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments = arguments.parse_args()
    kinds = [json.dumps(json.loads((FIXTURES / f"{kind}.json").read_bytes()), separators=(",", ":")) for kind in KINDS]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "records.ndjson"
        with path.open("w") as out:
            for number in range(arguments.records):
                out.write(kinds[number % len(kinds)].replace("0d5c4c4e-0000-4000", f"{number:08x}-0000-4000") + "\n")
        megabytes = path.stat().st_size / 1e6
        fields = ", ".join(f"j->>'$.{field}'" for field in FIELDS)
        typed = f"create table t as select * from read_json('{path}', format='newline_delimited')"
        extract = f"create table t as select {fields}, j from read_json_objects('{path}', format='newline_delimited') x(j)"
        start = min(processor_seconds([sys.executable, "-c", DUCKDB, "select 1"]) for _ in range(arguments.runs))
        commands = {
            "auditlake import --dry-run": ([arguments.auditlake, "import", path, "--organization", "acme", "--dry-run"], 0),
            "DuckDB read_json, typed": ([sys.executable, "-c", DUCKDB, typed], start),
            "DuckDB, nine fields": ([sys.executable, "-c", DUCKDB, extract], start),
        }
        speeds = {}
        for name, (command, overhead) in commands.items():
            seconds = min(processor_seconds(command) for _ in range(arguments.runs)) - overhead
            speeds[name] = megabytes / seconds
        ours = speeds["auditlake import --dry-run"]
        for name, speed in speeds.items():
            print(f"{name:28} {speed:8.1f} MB/s {ours / speed:6.2f}x")


if __name__ == "__main__":
    main()
