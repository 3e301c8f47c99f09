"""What a receipt promises is in the archive: the hash that a post was answered with is that of the row, by a second
implementation of the canonical form, for texts that are hard to write and by every door."""

import gzip
import itertools
import json
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

import pyarrow.dataset
import pytest
from canonical import check_objects, event_hash
from conftest import AWKWARD, import_files, serving, wait_until_sealed
from readers import NAMES

# Every control character, what JSON escapes, what it may leave, what it may not.
HOSTILE = [*(chr(code) for code in range(0x20)), *AWKWARD, "\x7f", "\u2028\u2029", '"', "\\", "\\u0041", "/", "</script>", "a\x0c", "\x0cb", "é\x00", "x" * 31 + '"', "x" * 32 + "\n"]
HOSTILE = [text for text in HOSTILE if text]
MOMENT = datetime.now(timezone.utc) - timedelta(minutes=1)


def moment(number):
    return (MOMENT + timedelta(milliseconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"


def own(number, text):
    names = ["action", "actor_id", "actor_name", "actor_email", "resource_id", "error_message", "user_agent", "source_ip", "request_id", "http_path"]
    event = {name: text for name in names} | {"event_time": moment(number), "organization": "own"}
    event["metadata"] = {text: text, "list": [text, {text: 1.50}]}
    event["changes"] = [{"field": text, "before": text, "after": None}]
    return event | {"unknown " + text: text}


def workos(number, text):
    target = {"id": text, "name": text, "type": text}
    event = {"action": text, "occurred_at": moment(number), "actor": target, "targets": [target], "context": {"location": text, "user_agent": text}, "metadata": {"k": text}}
    return {"organization": "workos", "organization_id": text, "idempotency_key": text, "event": event}


def retraced(number, text):
    party = {"id": text, "name": text}
    return {"organization": "retraced", "action": text, "crud": "c", "created": moment(number), "external_id": text, "group": party, "actor": party, "target": party, "source_ip": text, "component": text, "description": text}


def cloudevent(number, text, data=None):
    attributes = {"specversion": "1.0", "id": text, "source": text, "type": text, "subject": text, "extension": text, "time": moment(number)}
    return attributes | {"data": data or {"organization": "cloudevents", "actor_id": text}}


def post(api, body, content_type="application/json", headers=None, tight=False):
    """Posts bytes, or a value as JSON; with every character that need not be escaped as it is, or escaped."""
    if not isinstance(body, bytes):
        body = json.dumps(body, ensure_ascii=not tight, separators=(",", ":") if tight else None).encode()
    request = urllib.request.Request(f"{api}/v1/events", data=body, headers={"content-type": content_type, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            parsed = json.load(answer)
    except urllib.error.HTTPError as error:
        pytest.fail(f"{error.code}: {error.read().decode(errors='replace')}")
    assert parsed["refused"] == 0, parsed["errors"][:3]
    return [(receipt["event_id"], receipt["event_hash"]) for receipt in parsed["receipts"]]


def posts(api):
    """One post after another by every door; what they were answered."""
    numbers = itertools.count()
    events = lambda shape: [shape(next(numbers), text) for text in HOSTILE]
    lines = lambda values: "\n".join(json.dumps(value, ensure_ascii=False) for value in values).encode()
    yield post(api, events(own))
    yield post(api, events(own), tight=True, headers={"idempotency-key": 'a"key\\'})
    yield post(api, lines(events(own)), "application/x-ndjson")
    yield post(api, gzip.compress(lines(events(own))), "application/x-ndjson", {"content-encoding": "gzip"})
    for shape in (workos, retraced):
        yield post(api, {"events": events(shape)})
        yield post(api, lines(events(shape)), "application/x-ndjson")
    batch = "application/cloudevents-batch+json"
    yield post(api, events(cloudevent), batch)
    yield post(api, events(cloudevent), batch, tight=True)
    for shape in (own, workos, retraced):
        yield post(api, [cloudevent(next(numbers), text, shape(next(numbers), text)) for text in HOSTILE], batch)
    for text in HOSTILE:
        yield post(api, cloudevent(next(numbers), text), "application/cloudevents+json")


def imported(work):
    """Files of the same events for an import."""
    numbers = itertools.count(20_000)
    for shape in (workos, retraced, cloudevent):
        file = work / f"{shape.__name__}.ndjson"
        lines = []
        for text in HOSTILE:
            event = shape(next(numbers), text)
            (event["data"] if shape is cloudevent else event).pop("organization")
            lines.append(json.dumps(event))
        file.write_text("\n".join(lines))
        yield file


def test_the_hash_of_every_receipt_is_that_of_its_row(tmp_path):
    directory, work = tmp_path / "lake", tmp_path / "work"
    work.mkdir()
    with serving(directory, work) as api:
        receipts = [receipt for answer in posts(api) for receipt in answer]
        report = import_files(directory, *imported(work), arguments=["--organization", "imported"])
        assert {name: (source["events"], source["quarantined"]) for name, source in report["sources"].items()} == {
            name: (len(HOSTILE), 0) for name in ("workos", "retraced", "cloudevents")
        }
        wait_until_sealed(api, datetime.now(timezone.utc))
    table = pyarrow.dataset.dataset(directory / "etl" / "v1" / "data", format="parquet", partitioning="hive").to_table(columns=[*NAMES, "region", "organization"])
    rows = [row | {"organization": row["organization"].removeprefix("org-")} for row in table.to_pylist()]
    hashes = {(row["event_id"], event_hash(row).hex()) for row in rows if row["organization"] != "imported"}
    assert sorted(hashes) == sorted(set(receipts))
    assert len(receipts) == len(set(receipts)) == sum(row["organization"] != "imported" for row in rows)
    # Nothing was given for the imported ones: their hashes are leaves of the digests.
    check_objects(directory, sorted((directory / "etl").rglob("*.parquet")))
    assert sum(row["organization"] == "imported" for row in rows) == 3 * len(HOSTILE)
