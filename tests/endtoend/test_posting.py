"""Events come in over the API, in every shape, and lie in landing when they were acknowledged."""

import gzip
import json
import random
import uuid
from datetime import timedelta
from string import ascii_letters

import pytest
import zstandard

from lake import make_events, now, rfc3339


def ndjson(events):
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def cloud_event(event):
    return {
        "specversion": "1.0", "id": event["event_id"], "source": "/tests", "type": "com.example.test", "time": event["event_time"],
        "datacontenttype": "application/json", "data": {name: value for name, value in event.items() if name not in ("event_id", "event_time")},
    }


# docs/api.md, "Other shapes": what a derived id is a UUIDv5 in.
DERIVED = uuid.UUID("2f6b90d4-51c7-4e0a-9b1e-7d35c8a462f1")


def ids_of(shape, events):
    """The ids that the events have in the lake: a CloudEvent is known by its source and id together."""
    ids = [event["event_id"] for event in events]
    return [str(uuid.uuid5(DERIVED, f"/tests\0{one}")) for one in ids] if shape.startswith("cloudevent") else ids


SHAPES = {
    "one": (1, lambda events: json.dumps(events[0]).encode(), {}),
    "array": (3, lambda events: json.dumps(events).encode(), {}),
    "in-an-object": (3, lambda events: json.dumps({"events": events}).encode(), {}),
    # For all but a few media types the gateway hands the body over as base64.
    "ndjson": (3, ndjson, {"content-type": "application/x-ndjson"}),
    "without-a-type": (3, ndjson, {"content-type": None}),
    "gzip-ndjson": (50, lambda events: gzip.compress(ndjson(events)), {"content-encoding": "gzip", "content-type": "application/x-ndjson"}),
    "zstd": (50, lambda events: zstandard.compress(ndjson(events)), {"content-encoding": "zstd", "content-type": "application/x-ndjson"}),
    "cloudevent": (1, lambda events: json.dumps(cloud_event(events[0])).encode(), {"content-type": "application/cloudevents+json"}),
    "cloudevents": (3, lambda events: json.dumps([cloud_event(event) for event in events]).encode(), {"content-type": "application/cloudevents-batch+json"}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_events_of_every_shape_are_landed_through_the_queue(lake, organization, shape):
    count, body, headers = SHAPES[shape]
    events = make_events(count)
    answer = lake.post(organization, body(events), headers)
    assert answer.status_code == 202, answer.text
    receipts = answer.json()["receipts"]
    ids = ids_of(shape, events)
    assert [receipt["event_id"] for receipt in receipts] == ids
    assert answer.json()["accepted"] == count and not answer.json()["errors"]
    lake.wait_until_landed(organization, ids)
    assert len(lake.landed(organization)) == count


def test_small_posts_are_landed_together(lake, organization):
    """Twenty posts are fewer landing objects than posts: the queue gathers them."""
    before = set(lake.keys(lake.landing, "landing/"))
    ids = []
    with lake.without_consumer("LandSource"):
        for number in range(20):
            events = make_events(2, f"p{number}")
            assert lake.post(organization, events).status_code == 202
            ids += [event["event_id"] for event in events]
        assert not lake.landed(organization)
    lake.wait_until_landed(organization, ids)
    assert len(set(lake.keys(lake.landing, "landing/")) - before) < 20


def test_an_idempotency_key_makes_a_retry_the_same_events(lake, organization):
    events = make_events(3)
    for event in events:
        del event["event_id"]
    answers = [lake.post(organization, events, {"idempotency-key": f"order-{organization}"}) for _ in range(2)]
    ids = [[receipt["event_id"] for receipt in answer.json()["receipts"]] for answer in answers]
    assert ids[0] == ids[1] and len(set(ids[0])) == 3
    other = lake.post(organization, events, {"idempotency-key": "another"})
    assert not set(ids[0]) & {receipt["event_id"] for receipt in other.json()["receipts"]}
    lake.wait_until_landed(organization, ids[0])
    lake.wait_until_landed(organization, [receipt["event_id"] for receipt in other.json()["receipts"]])
    lake.seal_through(now())
    assert len(lake.archived(organization)) == 6


def test_what_breaks_a_rule_is_named_and_the_rest_is_taken(lake, organization):
    good, bad = make_events(2)
    answer = lake.post(organization, [good, bad | {"event_time": "yesterday"}])
    assert answer.status_code == 207
    assert answer.json()["accepted"] == 1 and answer.json()["refused"] == 1
    assert answer.json()["errors"][0]["index"] == 1 and answer.json()["errors"][0]["field"] == "event_time"
    lake.wait_until_landed(organization, [good["event_id"]])
    assert [row["event_id"] for row in lake.landed(organization)] == [good["event_id"]]


def test_a_body_that_is_no_json_is_a_problem_of_ours(lake, organization):
    answer = lake.post(organization, b'{"event_time": ')
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert {"type", "title", "status", "request_id"} <= answer.json().keys()
    future = lake.post(organization, make_events(1, newest=now() + timedelta(hours=1)))
    assert future.status_code == 422, future.text


def test_a_batch_too_large_for_a_message_is_its_own_landing_object(lake, organization):
    """With the queue's consumer switched off only the direct way can land it."""
    # Noise: what compresses well would fit into a message after all.
    chance = random.Random(7)
    events = [event | {"metadata": {"noise": "".join(chance.choices(ascii_letters, k=3000))}} for event in make_events(900)]
    with lake.without_consumer("LandSource"):
        waiting = lake.waiting("IngestQueue")
        answer = lake.post(organization, events)
        assert answer.status_code == 202, answer.text
        assert lake.waiting("IngestQueue") == waiting
        # It was acknowledged, so it is there: no waiting.
        assert {row["event_id"] for row in lake.landed(organization)} == {event["event_id"] for event in events}


def test_events_of_another_region_keep_it(lake, organization):
    events = make_events(2, region="us-east-1")
    assert lake.post(organization, events).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in events])
    lake.seal_through(now())
    rows = lake.archived(organization)
    assert [row["region"] for row in rows] == ["us-east-1"] * 2
    assert [rfc3339(row["event_time"]) for row in rows] == [event["event_time"] for event in events]
