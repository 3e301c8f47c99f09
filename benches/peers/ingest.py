#!/usr/bin/env python3
"""JSON to Parquet: auditlake's landing objects against DuckDB's COPY, both on one thread, in the same session.

usage: ingest.py EVENTS.ndjson INGEST_ONCE [--runs N] [--skip-hive]

EVENTS.ndjson  events as `benches/generate.py` makes them
INGEST_ONCE    the release build of benches/src/bin/ingest_once.rs
Needs the Python package duckdb. Prints a table of the best run of each and the ratios; auditlake validates, normalises,
hashes and sorts every event, DuckDB does not.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

DUCKDB = """
import sys, duckdb, time
events, out, hive = sys.argv[1:4]
connection = duckdb.connect()
connection.execute("set threads=1; set enable_progress_bar=false")
start = time.perf_counter()
if hive == "1":
    connection.execute(f"copy (select *, year(event_time) as year, month(event_time) as month, day(event_time) as day, "
        f"hour(event_time) as hour from read_json('{events}', format='newline_delimited')) to '{out}' "
        "(format parquet, partition_by (region, organization, year, month, day, hour))")
else:
    connection.execute(f"copy (select * from read_json('{events}', format='newline_delimited')) to '{out}' (format parquet)")
print(time.perf_counter() - start)
"""


def run(command):
    """Wall seconds, peak resident MB and output of a child process, pinned to one core."""
    core = min(os.sched_getaffinity(0))
    read_end, write_end = os.pipe()
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.sched_setaffinity(0, {core})
        os.dup2(write_end, 1)
        os.execvp(command[0], command)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        output = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} failed with status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024, output


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("events")
    arguments.add_argument("ingest_once")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--skip-hive", action="store_true")
    options = arguments.parse_args()
    subprocess.run(["cat", options.events], stdout=subprocess.DEVNULL, check=True)  # into the page cache
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        contenders = {
            "auditlake": [options.ingest_once, options.events, str(folder / "landing")],
            "duckdb, one file": [sys.executable, "-c", DUCKDB, options.events, str(folder / "one.parquet"), "0"],
        }
        if not options.skip_hive:
            contenders["duckdb, hive"] = [sys.executable, "-c", DUCKDB, options.events, str(folder / "hive"), "1"]
        for round_number in range(options.runs):
            for name, command in contenders.items():
                for leftover in folder.iterdir():
                    shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
                wall, memory, output = run(command)
                seconds = json.loads(output)["seconds"] if name == "auditlake" else float(output)
                written = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
                best = rows.get(name)
                if best is None or seconds < best[0]:
                    rows[name] = (seconds, memory, written)
                print(f"run {round_number + 1}: {name}: {seconds:.2f} s ({wall:.2f} s with start)", file=sys.stderr)
    ours = rows["auditlake"]
    print(f"| {'':<18} | seconds | peak MB | written MB | time against ours | memory against ours |")
    print("|---|---|---|---|---|---|")
    for name, (seconds, memory, written) in rows.items():
        ratios = f"{seconds / ours[0]:.2f} | {memory / ours[1]:.1f}"
        print(f"| {name:<18} | {seconds:.2f} | {memory:.0f} | {written / 1e6:.1f} | {ratios} |")


if __name__ == "__main__":
    main()
