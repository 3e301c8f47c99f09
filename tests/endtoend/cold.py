#!/usr/bin/env python3
"""Measures what a cold start costs: from the start of the process to its first poll for an event, and the memory then.

    cold.py FUNCTION_DIR [EMPTY_BOOTSTRAP] [--runs 30] [--json]

FUNCTION_DIR holds <function>/bootstrap or <function>, or is one bootstrap. EMPTY_BOOTSTRAP is a function that does nothing, built from the same
runtime crate the same way: ratios are to it. Runs take turns, so that a busy moment of the machine strikes all alike.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys

from runtime_api import Runtime

# Enough to start with; nothing is asked of these addresses before the first event.
ENVIRONMENT = {
    "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AUDITLAKE_LANDING_BUCKET": "landing", "AUDITLAKE_ARCHIVE_BUCKET": "archive", "AUDITLAKE_REGION": "eu-west-1",
    "AUDITLAKE_SEAL_PERIOD": "1h", "AUDITLAKE_SLACK": "5m", "AUDITLAKE_CODEC": "snappy", "AUDITLAKE_LOG": "info",
    "AUDITLAKE_QUEUE_URL": "http://127.0.0.1:9/000000000000/ingest", "AUDITLAKE_MAX_EVENT_BYTES": "65536",
    "AUDITLAKE_TENANT_CLAIM": "organization", "AUDITLAKE_PERMISSIONS_CLAIM": "permissions",
    "AUDITLAKE_OPERATOR_PERMISSION": "iam:operator:iam:audit:read", "AUDITLAKE_IMPORT_RULES": "[]",
    "AUDITLAKE_SHARD_QUEUE_URL": "http://127.0.0.1:9/000000000000/shards", "AUDITLAKE_DATABASE": "auditlake",
    "AUDITLAKE_WORKGROUP": "auditlake", "AUDITLAKE_CURSOR_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:cursor",
    "AUDITLAKE_SCAN_MAX_MB": "0", "AUDITLAKE_RESULTS_BUCKET": "results",
}


def binaries(folder):
    folder = pathlib.Path(folder)
    if folder.is_file():
        return {folder.parent.name: folder}
    if (folder / "bootstrap").is_file():
        return {folder.name: folder / "bootstrap"}
    names = ("ingest", "land", "import", "compact", "query")
    files = {name: folder / name for name in names if (folder / name).is_file()}
    return files or {path.parent.name: path for path in sorted(folder.glob("*/bootstrap"))}


def measure(bootstrap, name):
    """Seconds to the first poll, resident bytes, bytes of its own."""
    inherited = {name: value for name, value in os.environ.items() if name.startswith(("AUDITLAKE_", "AWS_"))}
    with Runtime(bootstrap, ENVIRONMENT | inherited, name) as runtime:
        seconds = runtime.wait_until_ready()
        return seconds, *runtime.memory_at_first_poll


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("functions")
    arguments.add_argument("empty", nargs="?")
    arguments.add_argument("--runs", type=int, default=30)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    found = binaries(options.functions)
    if options.empty:
        found = {"empty": next(iter(binaries(options.empty).values()))} | found
    if not found:
        raise SystemExit(f"no bootstrap below {options.functions}")
    runs = {name: [] for name in found}
    for _ in range(options.runs + 1):
        for name, bootstrap in found.items():
            runs[name].append(measure(bootstrap, name))
    results = {}
    for name, measured in runs.items():
        seconds, resident, own = zip(*measured[1:], strict=True)  # the first run filled the page cache
        results[name] = {
            "binary_bytes": found[name].stat().st_size,
            "first_poll_ms": round(statistics.median(seconds) * 1000, 2),
            "first_poll_ms_p90": round(statistics.quantiles(seconds, n=10)[-1] * 1000, 2) if len(seconds) > 1 else None,
            "resident_bytes": int(statistics.median(resident)),
            "own_bytes": int(statistics.median(own)),
        }
    if empty := results.get("empty"):
        for result in results.values():
            for column in ("first_poll_ms", "resident_bytes"):
                result[f"{column}_ratio"] = round(result[column] / empty[column], 2)
    if options.json:
        json.dump(results, sys.stdout, indent=1)
        print()
        return
    print(f"{'function':10} {'binary MB':>9} {'ms':>8} {'p90':>8} {'MB':>7} {'own MB':>7} {'ms ×':>6} {'MB ×':>6}")
    for name, result in results.items():
        ratio = [result.get(f"{column}_ratio", "") for column in ("first_poll_ms", "resident_bytes")]
        print(
            f"{name:10} {result['binary_bytes'] / 1e6:9.2f} {result['first_poll_ms']:8.2f} {result['first_poll_ms_p90'] or 0:8.2f} "
            f"{result['resident_bytes'] / 1e6:7.1f} {result['own_bytes'] / 1e6:7.1f} {ratio[0]!s:>6} {ratio[1]!s:>6}"
        )


if __name__ == "__main__":
    main()
