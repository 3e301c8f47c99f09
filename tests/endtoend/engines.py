#!/usr/bin/env python3
"""Asks the function `query` the typical questions both ways, by scan and by Athena, and prints time and cost of each.

    AUDITLAKE_FUNCTIONS_DIR=… engines.py SEALED [--days 30]     SEALED as `make_lake` writes it

The lake is deployed to the stand-in for AWS; the same release binary answers both ways, and every pair of answers is compared. Times
are of this machine: S3 is the stand-in's, Athena is Trino behind a server that speaks its API. Neither says how long AWS takes, but
both read the same objects from the same server. Bytes, requests and their prices are those of AWS. First is the first question of a
process, its start included; the others are the best of a few more in the same one. The questions are of benches/peers/query.py.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time
import urllib.parse

from athena import AthenaServer
from conftest import EVENTBRIDGE_BUCKET, IMPORT_BUCKET, METASTORE_BUCKET, STACK, parameters, warm_up
from holding_proxy import HoldingProxy
from issuer import Issuer
from lake import Lake
from ministack import REGION, MiniStack
from runtime_api import Runtime
from stack import REPOSITORY, Stack, bootstrap_of
from test_samples import sample
from trino import Trino
from waiting import free_port

sys.path.insert(0, str(REPOSITORY / "benches/peers"))
from query import ORGANIZATION, questions  # noqa: E402

# US dollars, us-east-1: a GB-second of Lambda, a GET and a LIST of S3.
GB_SECOND, GET, LIST = 0.0000166667, 0.0004 / 1000, 0.005 / 1000
MEMORY_GB = 1
RUNS = 2
# What 2^40 bytes scanned cost.
ATHENA_TB = 5
WAYS = {"scan": {"AUDITLAKE_SCAN_MAX_MB": "1000000"}, "athena": {"AUDITLAKE_SCAN_MAX_MB": "0"}}


def fill(lake, sealed):
    """Copies one organization's archive and the records of the seals to the buckets."""
    lake.s3.upload_file(str(sealed / "lake.json"), lake.landing, "lake.json")
    objects = list(sealed.glob(f"etl/v1/data/region=*/organization=org-{ORGANIZATION}/**/*.parquet")) + list(sealed.glob("seals/**/*.json"))
    for path in objects:
        lake.s3.upload_file(str(path), lake.archive, str(path.relative_to(sealed)))
    return len(objects)


def asked(path, parameters):
    event = sample("query", "events")
    event |= {"rawPath": path, "rawQueryString": urllib.parse.urlencode(parameters)}
    event["requestContext"]["http"] |= {"method": "GET", "path": path}
    event["requestContext"]["authorizer"]["jwt"]["claims"]["tenant"] = ORGANIZATION
    return event


def ask(runtime, parameters):
    """The answer, and the seconds until it was there; links of slow questions are followed."""
    path = "/v1/stats" if "interval" in dict(parameters) else "/v1/events"
    parameters = [tuple(pair) for pair in parameters if pair[0] != "organization"]
    began = time.perf_counter()
    answer = runtime.invoke(asked(path, parameters))
    while answer["statusCode"] == 202:
        answer = runtime.invoke(asked(json.loads(answer["body"])["link"], []))
    seconds = time.perf_counter() - began
    assert answer["statusCode"] == 200, answer
    return json.loads(answer["body"]), seconds


def told(body):
    """What both ways must agree on."""
    return body["counts"] if "counts" in body else [event["event_id"] for event in body["events"]]


def measured(lake, way, parameters, endpoint=None):
    """The answer, the time of the first in a process, and the best of some more."""
    more = WAYS[way] | ({"AWS_ENDPOINT_URL_S3": endpoint} if endpoint else {})
    with Runtime(bootstrap_of("query"), lake.environment("query", **more), "query", timeout=120) as runtime:
        answers = [ask(runtime, parameters) for _ in range(1 if endpoint else 1 + RUNS)]
    return answers[0][0], answers[0][1], min(seconds for _, seconds in answers[-RUNS:])


def requests_of(lake, parameters):
    """Lists and gets of a scan in a process that remembers nothing."""
    proxy = HoldingProxy(lake.ministack.endpoint)
    try:
        measured(lake, "scan", parameters, proxy.endpoint)
    finally:
        proxy.stop()
    of_storage = [path for command, path in proxy.seen if command == "GET"]
    lists = sum("list-type=2" in path for path in of_storage)
    return lists, len(of_storage) - lists


def line(name, lake, parameters):
    scanned, first_seconds, scan_seconds = measured(lake, "scan", parameters)
    asked_athena, _, athena_seconds = measured(lake, "athena", parameters)
    assert (scanned["engine"], asked_athena["engine"]) == ("scan", "athena")
    if told(scanned) != told(asked_athena):
        raise SystemExit(f"{name}: two answers: {told(scanned)[:3]}… and {told(asked_athena)[:3]}…")
    lists, gets = requests_of(lake, parameters)
    scan_usd = first_seconds * MEMORY_GB * GB_SECOND + lists * LIST + gets * GET
    # Without the time that the function waits: how long that is, only AWS shows.
    athena_usd = asked_athena["billed_bytes"] / 2**40 * ATHENA_TB
    return (
        f"| {name} | {first_seconds * 1000:.0f} | {scan_seconds * 1000:.0f} | {scanned['scanned_bytes'] / 1e6:.1f} | {lists} + {gets} | {scan_usd * 1e6:.1f} "
        f"| {athena_seconds * 1000:.0f} | {asked_athena['scanned_bytes'] / 1e6:.1f} | {asked_athena['billed_bytes'] / 1e6:.0f} | {athena_usd * 1e6:.1f} |"
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("sealed", type=pathlib.Path)
    arguments.add_argument("--days", type=int, default=30)
    arguments.add_argument("--only", default="")
    options = arguments.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="auditlake-engines-"))
    (folder / "trino").mkdir()
    server, issuer = AthenaServer(None, None, None, None), Issuer()
    ministack = MiniStack(folder, server.endpoint, free_port())
    trino = None
    try:
        s3 = ministack.client("s3")
        for bucket in (METASTORE_BUCKET, IMPORT_BUCKET, EVENTBRIDGE_BUCKET):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        settings = parameters(issuer) | {"SealPeriod": "1h", "Slack": "5m", "AthenaUsdPerTb": str(ATHENA_TB)}
        lake = Lake(ministack, Stack(ministack, STACK, settings), issuer, server)
        # The lake stays as it was sealed.
        lake.functions.put_function_concurrency(FunctionName=f"{STACK}-compact", ReservedConcurrentExecutions=0)
        print(f"{fill(lake, options.sealed)} objects", file=sys.stderr)
        # The records of these reads go nowhere: they would be the newest events.
        queue = lake.sqs.create_queue(QueueName="nobody-reads-this")["QueueUrl"]
        deployed = lake.environment
        lake.environment = lambda function, **more: deployed(function, **more) | {"AUDITLAKE_QUEUE_URL": queue}
        trino = Trino(folder / "trino", ministack.endpoint, METASTORE_BUCKET, REGION)
        server.connect(trino, ministack.client("glue"), ministack.client("athena"), s3)
        warm_up(server, lake)
        print("| question | scan, first ms | ms | MB read | lists + gets | millionths of a dollar | Athena's stand-in ms | MB read | MB billed | millionths of a dollar |")
        print("|---|" + "---:|" * 9)
        for name, parameters_of in questions(str(options.sealed), options.days).items():
            if options.only in name:
                print(line(name, lake, parameters_of), flush=True)
    finally:
        if trino:
            trino.stop()
        ministack.stop()
        server.stop()
        issuer.stop()


if __name__ == "__main__":
    main()
