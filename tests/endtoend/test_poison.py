"""Messages that cannot be understood: kept with their reason, and in nobody's way."""

import base64
import hashlib
import json

import zstandard

from lake import make_events
from waiting import until


def message(lines, **changes):
    """A message of the queue between ingest and land, as `crates/lambda` writes it."""
    data = "".join(line + "\n" for line in lines).encode()
    form = {"format": 1, "events": len(lines), "sha256": hashlib.sha256(data).hexdigest(), "payload": base64.b64encode(zstandard.compress(data)).decode()}
    return json.dumps(form | changes)


def line(organization, name):
    return json.dumps({
        "action": "x", "event_id": name, "event_time": "2026-03-01T10:00:00.000Z", "organization": organization, "outcome": "success",
        "region": "eu-west-1", "source": "api", "received_time": "2026-03-01T10:00:01.000Z",
    }, separators=(",", ":"))


def test_poison_is_quarantined_and_blocks_nothing(lake, organization):
    poison = {
        "not ours": f'{{"hello":"{organization}"}}',
        "no JSON": f"{organization} says hello",
        "a hash that is wrong": message([line(organization, "bad-hash")], sha256="0" * 64),
        "a count that is wrong": message([line(organization, "bad-count")], events=7),
        "an organization that is none": message([line("../" + organization, "bad-organization")]),
        "no base64": message([line(organization, "bad-base64")], payload="***"),
    }
    good = [message([line(organization, f"good-{number}")]) for number in range(3)]
    lake.send("IngestQueue", good[0], *list(poison.values())[:3], good[1], *list(poison.values())[3:], good[2])
    events = make_events(2, "posted")
    assert lake.post(organization, events).status_code == 202
    lake.wait_until_landed(organization, ["good-0", "good-1", "good-2", "posted-0", "posted-1"])
    until("the queue is empty", lambda: lake.waiting("IngestQueue") == 0, 60)
    assert lake.waiting("IngestDeadLetters") == 0

    kept = {document["body"]: document["reason"] for document in lake.quarantined("quarantine/queue=ingest/") if "body" in document}
    for what, body in poison.items():
        assert kept.get(body), f"{what} is not in quarantine"
    assert {row["event_id"] for row in lake.landed(organization)} == {"good-0", "good-1", "good-2", "posted-0", "posted-1"}


def test_the_same_poison_twice_is_one_object(lake, organization):
    body = f"poison of {organization}"
    lake.send("IngestQueue", body, body)
    until("the queue is empty", lambda: lake.waiting("IngestQueue") == 0, 60)
    key = f"quarantine/queue=ingest/{hashlib.sha256(body.encode()).hexdigest()}.json"
    assert json.loads(lake.read(lake.landing, key))["body"] == body
