"""Logs as others published them, dropped into a bucket: of every source as many events arrive in the query API as the files hold.

The files lie beside the repository (`../shared/samples`) and may not be passed on; without them there is nothing to see here. What
they hold is counted here, from what the formats' own documentation says, and by none of our parsers. The same record in two files is
one event, so records count by what tells them apart.
"""

import collections
import datetime
import gzip
import json
import pathlib
import re

import duckdb
import pytest

from conftest import IMPORT_BUCKET, SAMPLES_ORGANIZATION
from waiting import until

SAMPLES = pathlib.Path(__file__).resolve().parents[3] / "shared/samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="../shared/samples is not here")

# What lies beside the logs: documents that another program made of them, settings of tests, a table of names.
NO_LOGS = ("-expected.json", ".yml", ".tsv")


def logs(folder):
    return [path for path in sorted((SAMPLES / folder).rglob("*")) if path.is_file() and not path.name.endswith(NO_LOGS)]


def content(path):
    packed = path.read_bytes()
    return (gzip.decompress(packed) if packed.startswith(b"\x1f\x8b") else packed).decode("utf-8", "replace")


def values(text):
    """The JSON values that stand one after the other in a text; a list's elements each, and nothing of what is no JSON."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at] in " \t\r\n,":
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        yield from value if isinstance(value, list) else [value]


def objects(folder, *lists):
    """The objects in the folder's logs; of an object with a list under one of the names, the list's."""
    for path in logs(folder):
        for value in values(content(path)):
            listed = next((value[name] for name in lists if isinstance(value, dict) and isinstance(value.get(name), list)), [value])
            yield from (one for one in listed if isinstance(one, dict))


def is_time(text):
    try:
        return isinstance(text, str) and bool(datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text)))
    except ValueError:
        return False


def airbyte():
    """Entries have an operation; before 1.7 a log event's message holds one, and the documentation's sample lacks its braces."""
    ids = {entry["id"] for entry in objects("airbyte") if "operation" in entry}
    for path in logs("airbyte"):
        ids |= set(re.findall(r"Logging audit entry: AuditLogEntry\(id=([^,]+),", content(path)))
    return ids


def azure():
    """Records have a category and a time (Event Hubs' logs: `EventTimeString`); what Kubernetes logs is not read."""
    records = [{name.lower(): value for name, value in record.items()} for record in objects("azure", "records")]
    times = ("time", "eventtimestamp", "eventtimestring")
    dated = [record for record in records if any(record.get(name) for name in times)]
    return {json.dumps(record, sort_keys=True) for record in dated if record.get("category", "kube-audit") != "kube-audit"}


def cloudtrail():
    """Records have an event's name, source and time; each account that gets a copy has an event of its own."""
    return {
        (record.get("eventID"), record.get("recipientAccountId"), record["eventTime"])
        for record in objects("cloudtrail", "Records")
        if "eventName" in record and "eventSource" in record and is_time(record.get("eventTime"))
    }


def gcp():
    """Entries have an audit log with a method as their payload; Eventarc wraps them. Log, time and `insertId` are one entry's."""
    found = set()
    for value in objects("gcp_audit"):
        entry = value["data"] if isinstance(value.get("data"), dict) else value
        # `protopayload_auditlog` in an export to BigQuery.
        payload = next((part for name, part in entry.items() if name.lower().replace("_", "").startswith("protopayload")), None)
        if isinstance(payload, dict) and any(name.lower().replace("_", "") == "methodname" for name in payload):
            name = {name.lower().replace("_", ""): value for name, value in entry.items() if isinstance(value, str)}
            if is_time(name.get("timestamp")):
                found.add((name.get("logname"), name["timestamp"], name.get("insertid")))
    return found


def lakefs():
    files = [str(path) for path in logs("lakefs")]
    return set(duckdb.execute("SELECT DISTINCT data_request_id FROM read_parquet($files)", {"files": files}).fetchall())


def s3access():
    """Lines begin with the owner of the bucket and the bucket, then the time in brackets."""
    lines = [line for path in logs("s3_access") for line in content(path).splitlines()]
    return {line for line in lines if re.match(r"\S+ \S+ \[\d\d/\w{3}/\d{4}:", line)}


SOURCES = {
    "airbyte": ("airbyte", airbyte), "aws.cloudtrail": ("cloudtrail", cloudtrail), "aws.s3access": ("s3_access", s3access),
    "azure.storage": ("azure", azure), "gcp.audit": ("gcp_audit", gcp), "lakefs": ("lakefs", lakefs),
}


@pytest.fixture(scope="module")
def expected():
    return {source: len(count()) for source, (_, count) in SOURCES.items()}


def count_of(lake, day):
    """How many events of each source the API counts on a day."""
    times = {"from": day.isoformat() + "T00:00:00Z", "to": (day + datetime.timedelta(days=1)).isoformat() + "T00:00:00Z"}

    def answered():
        answer = lake.get(SAMPLES_ORGANIZATION, "/v1/stats", group_by="source", limit=100, **times)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer

    counts = until(f"{day} is answered", answered, 90, between=1).json()["counts"]
    return collections.Counter({count["value"]: count["count"] for count in counts})


@pytest.mark.usefixtures("athena")
def test_the_public_samples_of_every_source_arrive_whole_in_the_query_api(expected, lake):
    for folder, _ in SOURCES.values():
        for path in logs(folder):
            lake.s3.put_object(Bucket=IMPORT_BUCKET, Key=f"samples/{path.relative_to(SAMPLES)}", Body=path.read_bytes())

    def landed():
        rows = lake.landed(SAMPLES_ORGANIZATION, columns="DISTINCT event_id, event_time, source")
        counts = collections.Counter(row["source"] for row in rows)
        assert counts == expected, (counts, expected, lake.waiting("ImportQueue"))
        return rows

    rows = until("as many events as the files hold have landed", landed, 300, between=1)
    # They lie in nineteen years, and the engine behind the stand-in lists every hour of a question: those days are asked for.
    days = sorted({row["event_time"].astimezone(datetime.timezone.utc).date() for row in rows})
    assert sum((count_of(lake, day) for day in days), collections.Counter()) == expected
    assert lake.waiting("ImportDeadLetters") == 0
