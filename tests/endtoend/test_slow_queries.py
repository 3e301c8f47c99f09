"""Questions that take Athena longer than anybody waits: 202, polling, cancelling; what a question may read, and who answers it."""

import json
import os
import time
from datetime import timedelta

import pytest

from lake import make_events, now, rfc3339
from runtime_api import Runtime
from stack import bootstrap_of
from test_samples import sample
from waiting import until

pytestmark = pytest.mark.usefixtures("athena")


@pytest.fixture
def posted(lake, organization):
    events = make_events(20)
    assert lake.post(organization, events).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in events])
    return events


def is_running(answer):
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert body["status"] == "running" and body["link"] == f"/v1/queries/{body['query_id']}" == answer.headers["location"]
    assert int(answer.headers["retry-after"]) > 0
    return body["link"]


def executions(athena, organization):
    """Those that ask about an organization; the view of the live table is asked for by others."""
    return [execution for execution in list(athena.executions.values()) if f"'{organization}'" in execution.parameters]


def running(athena, organization):
    return [execution.id for execution in executions(athena, organization) if not execution.has_ended]


# A question, and what two answers to it have in common: not what they cost, nor the moment in a cursor.
QUESTIONS = [("/v1/events", {"limit": 7}, "events"), ("/v1/events/e-3", {}, "event_id"), ("/v1/stats", {"group_by": "action"}, "counts")]


@pytest.mark.parametrize(("path", "parameters", "compared"), QUESTIONS)
def test_a_slow_question_is_answered_where_it_says(lake, athena, organization, posted, path, parameters, compared):
    with athena.hold():
        link = is_running(lake.get(organization, path, wait=1, **parameters))
        link = is_running(lake.get(organization, link, wait=0))
    answer = until("it is answered", lambda: (found := lake.get(organization, link, wait=20)).status_code == 200 and found, 60)
    assert len(executions(athena, organization)) == 1, "polling starts nothing new"
    at_once = lake.get(organization, path, **parameters)
    assert at_once.status_code == 200, at_once.text
    assert answer.json()[compared] == at_once.json()[compared]
    assert answer.json().keys() == at_once.json().keys()


def test_pages_follow_a_page_that_was_slow(lake, athena, organization, posted):
    with athena.hold():
        link = is_running(lake.get(organization, "/v1/events", wait=0, limit=12))
    page = until("the page is there", lambda: (found := lake.get(organization, link)).status_code == 200 and found, 60).json()
    rest = lake.get(organization, "/v1/events", limit=12, cursor=page["next_cursor"]).json()
    assert page["cut"] == "limit" and rest["cut"] is None
    assert [event["event_id"] for event in page["events"] + rest["events"]] == [event["event_id"] for event in posted]


def test_a_cancelled_question_is_stopped_in_athena(lake, athena, organization, posted):
    with athena.hold():
        link = is_running(lake.get(organization, "/v1/stats", wait=0))
        (execution,) = running(athena, organization)
        assert lake.call("DELETE", link, "somebody-else").status_code == 404
        assert running(athena, organization) == [execution], "a stranger stops nothing"
        assert lake.call("DELETE", link, organization).status_code == 204
        assert running(athena, organization) == []
        gone = lake.get(organization, link)
        assert gone.status_code == 410 and gone.headers["content-type"].startswith("application/problem+json"), gone.text


def test_to_another_tenant_there_is_no_such_question(lake, athena, organization, posted):
    with athena.hold():
        link = is_running(lake.get(organization, "/v1/events", wait=0))
    stranger = lake.get("somebody-else", link)
    forged = lake.get("somebody-else", link[:-1] + ("A" if link[-1] != "A" else "B"))
    assert (stranger.status_code, stranger.json()["detail"]) == (forged.status_code, forged.json()["detail"])
    assert stranger.status_code == 404


def test_the_gateway_is_answered_before_it_gives_up(lake, athena, organization, posted):
    with athena.hold():
        began = time.monotonic()
        link = is_running(lake.get(organization, "/v1/events"))
        assert 15 < time.monotonic() - began < 28
        assert lake.call("DELETE", link, organization).status_code == 204


def test_reads_by_polling_are_in_the_log(lake, athena, organization, posted):
    with athena.hold():
        link = is_running(lake.get(organization, "/v1/events", wait=0, actor="u-1"))
    until("it is answered", lambda: lake.get(organization, link).status_code == 200, 60)

    def recorded():
        found = lake.events(organization, action="audit_log_query")
        seen = {(event["http_path"], event["http_status"]) for event in found}
        return {("/v1/events", 202), ("/v1/queries/{id}", 200)} <= seen

    until("both reads are in the log", recorded, 60, between=1)


def test_an_answer_states_what_it_cost(lake, organization, posted):
    answer = lake.get(organization, "/v1/stats").json()
    # Ten megabytes at least, of 2^40 bytes at 5 dollars.
    assert answer["billed_bytes"] >= 10 * 2**20 and answer["billed_bytes"] % 2**20 == 0
    assert abs(answer["cost_usd"] - answer["billed_bytes"] / 2**40 * 5) < 1e-8
    assert answer["engine_ms"] >= 0


def test_throttling_that_does_not_end_is_429(lake, athena, organization, posted):
    for _ in range(40):
        athena.fail_next("StartQueryExecution", "TooManyRequestsException")
    try:
        answer = lake.get(organization, "/v1/events", wait=2)
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0, answer.text
    finally:
        athena.faults.clear()


def ask(lake, organization, path="/v1/events", query="", method="GET", **environment):
    """A question to the function `query` with other settings, as a process of its own."""
    event = sample("query", "events")
    event |= {"rawPath": path, "rawQueryString": query}
    event["requestContext"]["http"]["method"] = method
    event["requestContext"]["http"]["path"] = path
    event["requestContext"]["authorizer"]["jwt"]["claims"]["tenant"] = organization
    with Runtime(bootstrap_of("query"), lake.environment("query", **environment), "query", timeout=60) as runtime:
        return runtime.invoke(event)


def test_a_small_question_is_scanned_where_that_is_switched_on(lake, athena, organization, posted):
    before = len(executions(athena, organization))
    # Without the record of the question before it.
    question = "limit=9&source!=auditlake.api"
    scanned = ask(lake, organization, query=question, AUDITLAKE_SCAN_MAX_MB="256")
    assert scanned["statusCode"] == 200, scanned
    assert len(executions(athena, organization)) == before, "athena was not asked"
    by_scan, by_athena = json.loads(scanned["body"]), json.loads(ask(lake, organization, query=question)["body"])
    assert (by_scan["engine"], by_athena["engine"]) == ("scan", "athena")
    assert by_scan["events"] == by_athena["events"] and len(by_scan["events"]) == 9
    assert "billed_bytes" not in by_scan


def test_a_question_above_the_limit_is_refused_before_it_is_asked(lake, athena, organization):
    """Two and a half megabytes that do not compress; the narrower question is about the next hour, in which nothing can lie yet."""
    events = [event | {"metadata": {"filler": os.urandom(1000).hex()}} for event in make_events(1200)]
    assert lake.post(organization, events).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in events])
    lake.seal_through(now())
    refused = ask(lake, organization, AUDITLAKE_MAX_QUERY_MB="1")
    problem = json.loads(refused["body"])
    assert refused["statusCode"] == 422 and problem["type"].endswith("query-too-large"), problem
    assert "1 MB is the limit" in problem["detail"] and "`from`" in problem["detail"]
    # Exports have a limit of their own.
    refused = ask(lake, organization, "/v1/exports", "format=csv", "POST", AUDITLAKE_MAX_EXPORT_MB="1")
    problem = json.loads(refused["body"])
    assert refused["statusCode"] == 422 and problem["type"].endswith("query-too-large"), problem
    assert "1 MB is the limit" in problem["detail"] and "`from`" in problem["detail"]
    assert executions(athena, organization) == []
    exported = ask(lake, organization, "/v1/exports", "format=csv", "POST", AUDITLAKE_MAX_EXPORT_MB="50", AUDITLAKE_MAX_QUERY_MB="1")
    assert exported["statusCode"] == 202, exported
    soon = rfc3339(now() + timedelta(hours=1))
    narrower = ask(lake, organization, AUDITLAKE_MAX_QUERY_MB="1", query=f"from={soon}")
    assert narrower["statusCode"] == 200, narrower
