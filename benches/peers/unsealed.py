#!/usr/bin/env python3
"""Bytes that the typical questions read of the same events before and after they are sealed, by the scan engine and by DuckDB.

usage: unsealed.py SEALED UNSEALED QUERY_ONCE [--days N]     (needs duckdb from PyPI; both folders as `make_lake` writes them)

Bytes are counted, not timed: the scan engine counts what it asks of storage, and DuckDB's are those its process reads through system
calls (/proc/self/io). Each answer is compared with DuckDB's of the same files. The questions are those of query.py."""
import argparse, json, subprocess, sys

from query import answer, ask_scan, io_bytes, questions, run_duckdb, sql

def duckdb_of_landing(folder, asked):
    """One question of landing objects, in which organizations are mixed and no path says the hour."""
    import duckdb
    source = f"(select *, date_trunc('hour', event_time) as one_hour from read_parquet('{folder}/landing/*/*.parquet'))"
    text = lambda column, value: f"contains(lower({column}), '{value.lower()}')"
    statement = sql(asked, source, text, lambda time: f"timestamptz '{time.isoformat()}'", lambda begin, end: "true")
    organization = next(value for name, value in asked if name == "organization")
    mark = f"organization = '{organization}'"
    statement = statement.replace(" where ", f" where {mark} and ", 1) if " where " in statement else statement.replace(source, f"{source} where {mark}", 1)
    statement = statement.replace("year, month, day, hour, count(*)", "one_hour, count(*)").replace("group by 1, 2, 3, 4", "group by 1")
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set timezone = 'UTC'")
    before = io_bytes()
    cursor = connection.execute(statement)
    rows = cursor.fetchall()
    return io_bytes() - before, rows, [column[0] for column in cursor.description]

def child(kind, folder, asked):
    asked = json.loads(asked)
    if kind == "landing":
        read, rows, names = duckdb_of_landing(folder, asked)
    else:
        _, read, rows, names = run_duckdb(folder, asked)()
    is_count = any(name == "interval" for name, _ in asked)
    print(json.dumps({"bytes": read, "answer": answer(rows, None if is_count else names.index("event_id"), is_count)}))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("sealed", "unsealed", "query_once"):
        parser.add_argument(name)
    parser.add_argument("--days", type=int, default=30)
    arguments = parser.parse_args()
    wrong = 0
    print("| question | scan, unsealed MB | ms | scan, sealed MB | ms | DuckDB, unsealed MB | DuckDB, sealed MB | sealed : unsealed |")
    print("|---|" + "---:|" * 7)
    for name, asked in questions(arguments.sealed, arguments.days).items():
        found = {}
        for kind, folder in (("landing", arguments.unsealed), ("archive", arguments.sealed)):
            ours = ask_scan(arguments.query_once, folder, name, asked)
            run = subprocess.run([sys.executable, __file__, "--child", kind, folder, json.dumps(asked)], check=True, capture_output=True, text=True)
            found[kind] = ours, json.loads(run.stdout.splitlines()[-1])
        answers = {one["answer"] for pair in found.values() for one in pair}
        if len(answers) > 1:
            wrong += 1
            print(f"{name}: {answers}", file=sys.stderr)
        mega = lambda one: f"{one['bytes'] / 1e6:.1f}"
        (before, theirs_before), (after, theirs_after) = found["landing"], found["archive"]
        print(f"| {name} | {mega(before)} | {before['ms']:.0f} | {mega(after)} | {after['ms']:.0f} | {mega(theirs_before)} | {mega(theirs_after)} "
              f"| {after['bytes'] / before['bytes']:.3f} |", flush=True)
    sys.exit(1 if wrong else 0)

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--child":
        child(*sys.argv[2:])
    else:
        main()
