#!/usr/bin/env python3
"""Asks the same questions of the same files with the scan engine, DuckDB and chDB, each on one thread, and prints ratios.

usage: query.py FOLDER QUERY_ONCE [--days N]     (needs duckdb and chdb from PyPI; FOLDER as make_lake writes it)

The peers' SQL is what an analyst who knows the layout would write: only the organization's files are globbed, and times are
also stated as conditions on the partition columns. Each question is asked five times; the fastest counts. What a peer reads is
what its process reads through system calls (memory-mapped files excepted), taken from /proc/self/io."""
import argparse, datetime as dt, json, os, subprocess, sys, tempfile, time

ORGANIZATION = "acme-00"

def io_bytes():
    with open("/proc/self/io") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("rchar"))

def peak_mb():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) // 1024

def questions(folder, days):
    """Name to parameters; values are picked from the data itself."""
    import duckdb
    glob = f"{folder}/etl/v1/data/region=*/organization=org-{ORGANIZATION}/year=*/month=*/day=*/hour=*/*.parquet"
    table = f"read_parquet('{glob}')"
    connection = duckdb.connect()
    one = lambda sql: connection.execute(sql).fetchone()[0]
    first = one(f"select min(event_time) from {table}")
    first = first.astimezone(dt.timezone.utc) if first.tzinfo else first.replace(tzinfo=dt.timezone.utc)
    start = first.replace(hour=0, minute=0, second=0, microsecond=0)
    day = lambda n: (start + dt.timedelta(days=n)).strftime("%Y-%m-%dT%H:%M:%SZ")
    last = one(f"select max(event_time) from {table}")
    last = last.astimezone(dt.timezone.utc) if last.tzinfo else last.replace(tzinfo=dt.timezone.utc)
    hour = lambda n: (last.replace(minute=0, second=0, microsecond=0) + dt.timedelta(hours=n + 1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    actors = connection.execute(f"select actor_id, count(*) n from {table} group by 1 order by n desc, 1").fetchall()
    common, rare = actors[len(actors) // 8][0], actors[len(actors) * 3 // 4][0]
    total = one(f"select count(*) from {table}")
    event_id = connection.execute(f"select event_id from {table} order by event_time, event_id limit 1 offset {total // 3}").fetchone()[0]
    resource = connection.execute(f"select resource_id, count(*) n from {table} group by 1 order by n, 1 limit 1 offset 20000").fetchone()[0]
    org = ["organization", ORGANIZATION]
    middle = days // 2
    week = min(7, days)
    return {
        "newest 100": [org, ["limit", "100"]],
        "the last hour": [org, ["from", hour(-1)], ["to", hour(0)], ["limit", "1000"]],
        "one actor, 30 days, newest 100": [org, ["actor", common]],
        "a rare actor, 30 days": [org, ["actor", rare]],
        "one id": [org, ["event_id", event_id]],
        "failures in a day": [org, ["outcome", "failure"], ["from", day(middle)], ["to", day(middle + 1)], ["limit", "1000"]],
        "counts by hour, 30 days": [org, ["interval", "hour"], ["from", day(0)], ["to", day(days)]],
        "free text in a week": [org, ["q", resource.split("-")[-1]], ["from", day(days - week)], ["to", day(days)]],
    }

def condition(name, value, text_match):
    if name == "actor":
        return f"(actor_id = '{value}' or actor_name = '{value}' or actor_email = '{value}')"
    if name == "q":
        columns = ["actor_email", "actor_id", "actor_name", "resource_id", "resource_name", "resource_type"]
        return "(" + " or ".join(text_match(column, value) for column in columns) + ")"
    return f"{name} = '{value}'"

def sql(parameters, source, text_match, time_literal, partition_literal):
    named = dict(parameters)
    where = []
    for name, value in parameters:
        if name in ("organization", "limit", "interval"):
            continue
        if name in ("from", "to"):
            time_value = dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
            where.append(f"event_time {'>=' if name == 'from' else '<'} {time_literal(time_value)}")
        else:
            where.append(condition(name, value, text_match))
    if "from" in named:
        begin, end = (dt.datetime.fromisoformat(named[name].replace("Z", "+00:00")) for name in ("from", "to"))
        where.append(partition_literal(begin, end - dt.timedelta(milliseconds=1)))
    where = " where " + " and ".join(where) if where else ""
    if "interval" in named:
        return f"select year, month, day, hour, count(*) from {source}{where} group by 1, 2, 3, 4"
    return f"select * from {source}{where} order by event_time desc, event_id desc limit {named.get('limit', 100)}"

def days_between(begin, end):
    days = []
    while begin.date() <= end.date():
        days.append(begin.date())
        begin += dt.timedelta(days=1)
    return days

def answer(rows, event_id, is_count):
    if is_count:
        return f"{len(rows)} buckets, {sum(int(row[-1]) for row in rows)} events"
    edge = lambda row: row[event_id] if row is not None else "none"
    return f"{len(rows)} rows, {edge(rows[0] if rows else None)} to {edge(rows[-1] if rows else None)}"

def ask_scan(query_once, folder, name, asked):
    """What the scan engine says to one question, by the program `query_once`."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({name: asked}, file)
        file.flush()
        return json.loads(subprocess.run([query_once, folder, file.name], check=True, capture_output=True, text=True).stdout)

def run_duckdb(folder, asked):
    import duckdb
    glob = f"{folder}/etl/v1/data/region=*/organization=org-{ORGANIZATION}/year=*/month=*/day=*/hour=*/*.parquet"
    source = f"read_parquet('{glob}', hive_partitioning=true, hive_types={{'year': INTEGER, 'month': INTEGER, 'day': INTEGER, 'hour': INTEGER}})"
    text = lambda column, value: f"contains(lower({column}), '{value.lower()}')"
    literal = lambda t: f"timestamptz '{t.isoformat()}'"
    def partitions(begin, end):
        return "(" + " or ".join(f"(year = {d.year} and month = {d.month} and day = {d.day})" for d in days_between(begin, end)) + ")"
    statement = sql(asked, source, text, literal, partitions)
    def once():
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("set timezone = 'UTC'")
        before, started = io_bytes(), time.perf_counter()
        cursor = connection.execute(statement)
        rows = cursor.fetchall()
        names = [column[0] for column in cursor.description]
        return time.perf_counter() - started, io_bytes() - before, rows, names
    return once

def run_chdb(folder, asked):
    import chdb
    glob = f"{folder}/etl/v1/data/region=*/organization=org-{ORGANIZATION}/year=*/month=*/day=*/hour=*/*.parquet"
    source = f"file('{glob}', 'Parquet')"
    text = lambda column, value: f"positionCaseInsensitive(coalesce({column}, ''), '{value}') > 0"
    literal = lambda t: f"toDateTime64('{t.strftime('%Y-%m-%d %H:%M:%S')}', 3, 'UTC')"
    def partitions(begin, end):
        return "(" + " or ".join(f"(year = {d.year} and month = {d.month} and day = {d.day})" for d in days_between(begin, end)) + ")"
    statement = sql(asked, source, text, literal, partitions)
    statement += " settings max_threads = 1, use_hive_partitioning = 1 format JSONCompact"
    def once():
        before, started = io_bytes(), time.perf_counter()
        result = json.loads(chdb.query(statement).bytes())
        elapsed = time.perf_counter() - started
        return elapsed, io_bytes() - before, result["data"], [column["name"] for column in result["meta"]]
    return once

def child(engine, folder, asked):
    """Runs one question with one peer in a process of its own, so that memory is its own."""
    parameters = json.loads(asked)
    once = {"duckdb": run_duckdb, "chdb": run_chdb}[engine](folder, parameters)
    best, bytes_read = 1e9, 0
    for attempt in range(5):
        elapsed, read, rows, names = once()
        best = min(best, elapsed)
        bytes_read = read if attempt == 0 else min(bytes_read, read)
        if attempt and elapsed > 20:
            break
    is_count = any(name == "interval" for name, _ in parameters)
    event_id = None if is_count else names.index("event_id")
    print(json.dumps({"ms": best * 1000, "bytes": bytes_read, "answer": answer(rows, event_id, is_count), "peak_mb": peak_mb()}))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("query_once")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--only")
    parser.add_argument("--no-chdb", action="store_true")
    parser.add_argument("--questions", help="keep the questions picked from the data in this file")
    arguments = parser.parse_args()
    if arguments.questions and os.path.exists(arguments.questions):
        asked = json.load(open(arguments.questions))
    else:
        asked = questions(arguments.folder, arguments.days)
        if arguments.questions:
            json.dump(asked, open(arguments.questions, "w"))
    if arguments.only:
        asked = {name: parameters for name, parameters in asked.items() if arguments.only in name}
    peers = ["duckdb"] if arguments.no_chdb else ["duckdb", "chdb"]
    print("| question | scan ms | warm ms | MB read | peak MB | " + " | ".join(f"{p} ms | MB read | peak MB" for p in peers) + " | ratio |")
    print("|---|" + "---:|" * (5 + 3 * len(peers)))
    wrong = 0
    for name, parameters in asked.items():
        ours = ask_scan(arguments.query_once, arguments.folder, name, parameters)
        cells = [f"{ours['ms']:.1f}", f"{ours['warm_ms']:.1f}", f"{ours['bytes'] / 1e6:.1f}", str(ours["peak_mb"])]
        best = 1e12
        for peer in peers:
            run = subprocess.run([sys.executable, __file__, "--child", peer, arguments.folder, json.dumps(parameters)], capture_output=True, text=True)
            if run.returncode:
                print(run.stderr[-2000:], file=sys.stderr)
                cells += ["failed", "", ""]
                continue
            theirs = json.loads(run.stdout.splitlines()[-1])
            cells += [f"{theirs['ms']:.1f}", f"{theirs['bytes'] / 1e6:.1f}", str(theirs["peak_mb"])]
            best = min(best, theirs["ms"])
            if theirs["answer"] != ours["answer"]:
                wrong += 1
                print(f"{name}: scan says {ours['answer']}, {peer} says {theirs['answer']}", file=sys.stderr)
        print(f"| {name} | " + " | ".join(cells) + f" | {ours['ms'] / best:.2f} |", flush=True)
    sys.exit(1 if wrong else 0)

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--child":
        child(*sys.argv[2:])
    else:
        main()
