#!/usr/bin/env python3
"""The seal against DuckDB on one core: the same landing objects in, duplicates removed, sorted, one hour of Parquet out.

usage: seal.py [--work FOLDER] [--release FOLDER] [--rows N] [--objects N] [--scales 1,4,16] [--repeat N]

Needs the Python package `duckdb`, and `cargo build --release -p auditlake-benches`.
Scale k means k times the objects of the same size, all of one hour; the peer runs at scale 1 only unless --peer-scales says else.
"""
import argparse, json, os, resource, shutil, statistics, subprocess, sys, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOUR = "2026-03-01T00:00:00"

PEER = r'''
import duckdb, json, resource, sys, time
landing, out, flavour = sys.argv[1:4]
con = duckdb.connect()
con.execute("SET threads=1; SET preserve_insertion_order=false; SET enable_progress_bar=false")
source = f"read_parquet('{landing}/*.parquet', filename=true)"
key = "region, organization, source, event_time, event_id"
order = "region, organization, event_time, event_id, source"
if flavour == "distinct":   # whole rows: cannot tell copies that came at different times from others
    select = f"SELECT DISTINCT * FROM read_parquet('{landing}/*.parquet') ORDER BY {order}"
elif flavour == "distinct on":
    select = f"SELECT * EXCLUDE filename FROM (SELECT DISTINCT ON ({key}) * FROM {source}) ORDER BY {order}"
elif flavour == "first":    # as we do: the first that arrived
    select = f"SELECT * EXCLUDE (filename, n) FROM (SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY filename) n FROM {source}) WHERE n = 1 ORDER BY {order}"
else:
    select = f"SELECT * FROM read_parquet('{landing}/*.parquet') ORDER BY {order}"
start = time.perf_counter()
con.execute(f"COPY ({select}) TO '{out}' (FORMAT parquet, COMPRESSION snappy)")
seconds = time.perf_counter() - start
rows = con.execute(f"SELECT count(*) FROM '{out}'").fetchone()[0]
print(json.dumps({"seconds": seconds, "rows_out": rows, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
'''


def one_core(command):
    taskset = shutil.which("taskset")
    return ([taskset, "-c", "0"] if taskset else []) + [str(part) for part in command]


def run(command):
    return subprocess.run(one_core(command), check=True, capture_output=True, text=True).stdout


def prepare(work, release, rows, objects, scale):
    landing = work / f"landing-{rows}-{objects}-x{scale}"
    if landing.exists():
        return landing
    building = landing.with_suffix(".building")
    shutil.rmtree(building, ignore_errors=True)
    for part in range(scale):
        events = work / f"events-{rows}-{part}.ndjson"
        if not events.exists():
            generator = ROOT / "benches" / "generate.py"
            subprocess.run([sys.executable, generator, events, str(rows), "--hours", "1", "--start", HOUR, "--seed", str(7 + part)], check=True)
        run([release / "seal_prepare", events, building, str(objects), str(part)])
        if part > 0:
            events.unlink()
    building.rename(landing)
    return landing


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--work", type=Path, default=Path("target/bench-seal"))
    arguments.add_argument("--release", type=Path, default=Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "release")
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--objects", type=int, default=300)
    arguments.add_argument("--scales", default="1,4,16")
    arguments.add_argument("--peer-scales", default="1")
    arguments.add_argument("--flavours", default="sort only,distinct,distinct on,first")
    arguments.add_argument("--repeat", type=int, default=3)
    options = arguments.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    ours = {}
    print("| what | rows in | seconds | rows/s | peak MiB |\n|---|---|---|---|---|")
    for scale in map(int, options.scales.split(",")):
        landing = prepare(options.work, options.release, options.rows, options.objects, scale)
        results = []
        for _ in range(options.repeat if scale == 1 else 1):
            archive = options.work / "archive"
            shutil.rmtree(archive, ignore_errors=True)
            results.append(json.loads(run([options.release / "seal_once", landing, archive, HOUR + "Z"])))
        shutil.rmtree(options.work / "archive", ignore_errors=True)
        best = min(results, key=lambda result: result["seconds"])
        ours[scale] = best["seconds"]
        print(f"| auditlake ×{scale} ({best['objects_in']} objects) | {best['rows_in']} | {best['seconds']:.2f} | "
              f"{best['rows_in'] / best['seconds']:.0f} | {max(result['peak_mib'] for result in results)} |", flush=True)
    for scale in map(int, filter(None, options.peer_scales.split(","))):
        landing = prepare(options.work, options.release, options.rows, options.objects, scale)
        for flavour in options.flavours.split(","):
            out = options.work / "peer.parquet"
            results = [json.loads(run([sys.executable, "-c", PEER, landing, out, flavour])) for _ in range(options.repeat)]
            out.unlink()
            best = min(results, key=lambda result: result["seconds"])
            ratio = f", {best['seconds'] / ours[scale]:.2f}× ours" if scale in ours else ""
            print(f"| DuckDB ×{scale}, {flavour}{ratio} | | {best['seconds']:.2f} | | {max(r['peak_mib'] for r in results)} |", flush=True)


main()
