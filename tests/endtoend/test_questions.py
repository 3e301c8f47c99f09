"""Questions over the API, answered by Athena's stand-in over the tables that the template makes; the archive read by DuckDB."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from lake import make_events, now, rfc3339
from waiting import until

pytestmark = pytest.mark.usefixtures("athena")

# What the API answers of an event and what is stored of it, by hand.
SAME = ["event_id", "action", "outcome", "actor_id", "actor_email", "resource_type", "resource_id"]


def of(event):
    return {name: event[name] for name in SAME} | {"event_time": event["event_time"]}


def test_what_is_posted_is_answered_before_and_after_it_is_sealed(lake, organization):
    events = make_events(60)
    assert lake.post(organization, events).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in events])
    wanted = [of(event) for event in events]
    assert [of(event) for event in lake.events(organization)] == wanted

    sealed_until = lake.seal_through(now())
    answer = lake.get(organization, "/v1/events", limit=1000).json()
    assert [of(event) for event in answer["events"]] == wanted
    assert answer["engine"] == "athena" and answer["scanned_bytes"] > 0
    assert answer["sealed_until"] >= rfc3339(sealed_until)[:19]
    event = answer["events"][0]
    assert event["organization"] == organization and event["region"] == "eu-west-1" and event["source"] == "api"
    assert event["changes"] == [{"field": "role", "before": None, "after": "it's"}]

    # An analyst's reader finds the same.
    rows = lake.archived(organization)
    assert [{name: row[name] for name in SAME} | {"event_time": rfc3339(row["event_time"])} for row in rows] == wanted
    assert json.loads(rows[0]["changes"]) == [{"field": "role", "before": None, "after": "it's"}]


def test_pages_join_without_gap_or_overlap(lake, organization):
    """Archive and landing both hold rows, some at one and the same moment."""
    moment = now() - timedelta(seconds=30)
    sealed = [event | {"event_time": rfc3339(moment)} for event in make_events(25, "same")]
    assert lake.post(organization, sealed).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in sealed])
    lake.seal_through(now())
    fresh = make_events(12, "fresh")
    assert lake.post(organization, fresh).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in fresh])
    answered = lake.events(organization, limit=7)
    order = sorted(sealed + fresh, key=lambda event: (event["event_time"], event["event_id"]), reverse=True)
    assert [event["event_id"] for event in answered] == [event["event_id"] for event in order]


def test_filters_reach_the_engine_as_values(lake, organization):
    hostile = ["it's", "a?b", "x' OR '1'='1", '"; DROP TABLE events; --', "ü ß 🦀", "%", "x" * 1500, "line\nbreak"]
    events = [event | {"resource_id": text} for event, text in zip(make_events(len(hostile)), hostile, strict=True)]
    assert lake.post(organization, events).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in events])
    for event, text in zip(events, hostile, strict=True):
        found = lake.events(organization, resource_id=text)
        assert [one["event_id"] for one in found] == [event["event_id"]], text
    assert len(lake.events(organization, **{"outcome!": "denied"})) == 4
    assert len(lake.events(organization, q="DROP table")) == 1
    assert lake.events(organization, resource_id="nothing") == []
    assert len(lake.events(organization, **{"from": events[2]["event_time"], "to": events[0]["event_time"]})) == 2


def test_one_event_in_full_by_its_link(lake, organization):
    events = make_events(3)
    answer = lake.post(organization, events)
    lake.wait_until_landed(organization, [event["event_id"] for event in events])
    for receipt, event in zip(answer.json()["receipts"], events, strict=True):
        found = lake.get(organization, receipt["link"])
        assert found.status_code == 200, found.text
        assert of(found.json()) == of(event)
    without_time = lake.get(organization, "/v1/events/e-1")
    assert without_time.status_code == 200, without_time.text
    assert lake.get(organization, "/v1/events/nobody", at=events[0]["event_time"]).status_code == 404
    # Another tenant's link opens nothing.
    assert lake.get("somebody-else", answer.json()["receipts"][0]["link"].split("&organization")[0]).status_code == 404


def test_counts_are_those_of_the_events(lake, organization):
    events = make_events(40)
    assert lake.post(organization, events).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in events])
    for sealed in (False, True):
        if sealed:
            lake.seal_through(now())
        answer = lake.get(organization, "/v1/stats", group_by="action")
        assert answer.status_code == 200, answer.text
        assert {count["value"]: count["count"] for count in answer.json()["counts"]} == Counter(event["action"] for event in events)
        by_day = lake.get(organization, "/v1/stats", interval="day").json()["counts"]
        assert {count["time"][:10]: count["count"] for count in by_day} == Counter(event["event_time"][:10] for event in events)
        denied = lake.get(organization, "/v1/stats", outcome="denied").json()["counts"]
        assert [count["count"] for count in denied] == [20]


def test_status_says_how_far_the_lake_is_sealed(lake, organization):
    sealed_until = lake.seal_through(now())
    status = lake.get(organization, "/v1/status")
    assert status.status_code == 200, status.text
    assert status.json()["sealed_until"] >= rfc3339(sealed_until)[:19]
    assert status.json()["seal_period_seconds"] == 10


def test_what_is_late_goes_to_its_own_hour_and_is_found_there(lake, organization):
    old = make_events(5, newest=now() - timedelta(days=3))
    assert lake.post(organization, old).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in old])
    lake.seal_through(now())
    rows = lake.archived(organization)
    assert {(row["year"], row["month"], row["day"], row["hour"]) for row in rows} == {
        tuple(event["event_time"][start:end] for start, end in ((0, 4), (5, 7), (8, 10), (11, 13))) for event in old
    }
    begin = rfc3339(now() - timedelta(days=4))
    assert [event["event_id"] for event in lake.events(organization, **{"from": begin})] == [event["event_id"] for event in old]


def test_a_wrong_question_is_answered_with_its_rule(lake, organization):
    for parameters in ({"form": "2026-03-01"}, {"limit": "0"}, {"from": "yesterday"}, {"cursor": "x"}):
        answer = lake.get(organization, "/v1/events", **parameters)
        assert answer.status_code == 400, (parameters, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_throttled_engine_is_asked_again(lake, organization, athena):
    athena.fail_next("StartQueryExecution", "TooManyRequestsException")
    athena.fail_next("GetQueryExecution", "ThrottlingException")
    assert lake.get(organization, "/v1/events").status_code == 200


def test_who_asked_is_in_the_log_and_who_was_refused(lake, organization):
    assert lake.post(organization, make_events(3)).status_code == 202
    assert lake.get(organization, "/v1/events", outcome="denied", limit=2).status_code == 200
    refused = lake.call("GET", "/v1/events", organization, permissions=())
    assert refused.status_code == 403

    def recorded():
        rows = lake.events(organization, source="auditlake.api")
        found = {row["action"]: row for row in reversed(rows)}
        return {"audit_log_query", "permission_check"} <= found.keys() and found

    found = until("both are in the log", recorded, 60, between=0.5)
    asked = found["audit_log_query"]
    assert asked["metadata"]["filters"]["conditions"][0]["values"] == ["denied"]
    assert (asked["category"], asked["outcome"], asked["resource_id"]) == ("data_access", "success", "events")
    assert asked["actor_id"] and asked["http_status"] == 200
    check = found["permission_check"]
    assert (check["category"], check["outcome"], check["http_status"]) == ("permission_check", "denied", 403)
    assert check["metadata"] == {"permission": "iam:tenant:iam:audit:read"}


def test_the_directory_of_actors_names_them_and_finds_them(lake, organization):
    events = [event | {"actor_id": f"00u{number}", "actor_email": None} for number, event in enumerate(make_events(4))]
    assert lake.post(organization, events).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in events])
    csv = "actor_id,email,name\n00u1,ada@acme.example,Ada\n00u2,bob@acme.example,Bob\n"
    put = lake.call("PUT", "/v1/directory/actors", organization, headers={"content-type": "text/csv"}, data=csv.encode())
    assert (put.status_code, put.json()) == (200, {"actors": 2}), put.text
    found = lake.events(organization, actor_email="Ada@acme.example")
    assert [event["actor_id"] for event in found] == ["00u1"]
    assert found[0]["actor_directory"] == {"email": "ada@acme.example", "name": "Ada"}
    assert [event["actor_id"] for event in lake.events(organization, q="BOB")] == ["00u2"]
    assert {event["actor_id"] for event in lake.events(organization, **{"actor!": "Ada"})} == {"00u0", "00u2", "00u3"}
    listed = lake.get(organization, "/v1/directory/actors").json()
    assert [actor["actor_id"] for actor in listed["actors"]] == ["00u1", "00u2"]
