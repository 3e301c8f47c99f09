"""The server in Athena's place, and the tables, views and named queries of the template by it."""

import gzip
import importlib.util
import json
import time

import boto3
import botocore.exceptions
import pytest

from athena import OVER_THE_LIMIT
from lake import make_events, now
from ministack import REGION
from stack import REPOSITORY
from waiting import until

HOUR = "date_format(current_timestamp - INTERVAL '1' HOUR, 'year=%Y/month=%m/day=%d/hour=%H')"
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def client(athena):
    return boto3.client("athena", endpoint_url=athena.endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture(scope="module")
def sealed(lake, athena):
    """Events of one organization in the archive, and some in landing."""
    events = make_events(30)
    assert lake.post("analysed", events).status_code == 202
    lake.wait_until_landed("analysed", [event["event_id"] for event in events])
    lake.seal_through(now())
    return events


def start(client, text, *parameters, **more):
    more |= {"ExecutionParameters": list(parameters)} if parameters else {}
    call = {"WorkGroup": "lake", "QueryExecutionContext": {"Database": "auditlake"}} | more
    return client.start_query_execution(QueryString=text, **call)["QueryExecutionId"]


def ended(client, identifier):
    def execution():
        found = client.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]
        return found if found["Status"]["State"] not in ("QUEUED", "RUNNING") else None

    return until("the query has ended", execution, 120)


def ask(client, text, *parameters, **more):
    """The rows of a query, without the header."""
    execution = ended(client, start(client, text, *parameters, **more))
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"].get("StateChangeReason")
    pages = client.get_paginator("get_query_results").paginate(QueryExecutionId=execution["QueryExecutionId"])
    rows = [[datum.get("VarCharValue") for datum in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]
    return rows[1:]


def refused(client, *arguments, **more):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        start(client, *arguments, **more)
    return error.value.response["Error"]["Message"]


def test_a_client_token_starts_a_query_once(client):
    first = start(client, "SELECT 1", ClientRequestToken=TOKEN)
    assert start(client, "SELECT 1", ClientRequestToken=TOKEN) == first
    assert "Idempotent" in refused(client, "SELECT 2", ClientRequestToken=TOKEN)


def test_parameters_are_literals_by_position(client):
    assert ask(client, "SELECT ? AS a, '?' AS b, ? AS c -- ?", "'it''s'", "7") == [["it's", "?", "7"]]
    assert "Incorrect number of parameters" in refused(client, "SELECT ?")
    assert "Incorrect number of parameters" in refused(client, "SELECT 1", "'x'")
    for wrong in ("a OR 1 = 1", "'x' OR 'y'", "'open", "(SELECT 1)", "concat('a', 'b')"):
        assert "literal" in refused(client, "SELECT ?", wrong)


def test_results_come_in_pages_of_a_thousand_with_the_header(client):
    identifier = ended(client, start(client, "SELECT n FROM UNNEST(sequence(1, 2500)) AS t(n)"))["QueryExecutionId"]
    page = client.get_query_results(QueryExecutionId=identifier)
    assert len(page["ResultSet"]["Rows"]) == 1000 and page["ResultSet"]["Rows"][0]["Data"][0]["VarCharValue"] == "n"
    rest = client.get_query_results(QueryExecutionId=identifier, NextToken=page["NextToken"])
    assert rest["ResultSet"]["Rows"][0]["Data"][0]["VarCharValue"] == "1000"
    pages = client.get_paginator("get_query_results").paginate(QueryExecutionId=identifier)
    assert sum(len(page["ResultSet"]["Rows"]) for page in pages) == 2501


def test_a_failure_has_the_engine_s_reason(client):
    execution = ended(client, start(client, "SELECT nothing FROM events_hourly WHERE organization = 'x'"))
    assert execution["Status"]["State"] == "FAILED" and "COLUMN_NOT_FOUND" in execution["Status"]["StateChangeReason"]
    with pytest.raises(botocore.exceptions.ClientError):
        client.get_query_results(QueryExecutionId=execution["QueryExecutionId"])


def test_a_query_can_be_stopped(client):
    identifier = start(client, "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), UNNEST(sequence(1, 10000)) c(z) WHERE (x * y) % 7 = z")
    until("it runs", lambda: client.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]["Status"]["State"] == "RUNNING", 30)
    client.stop_query_execution(QueryExecutionId=identifier)
    assert ended(client, identifier)["Status"]["State"] == "CANCELLED"


def test_a_query_that_reads_too_much_is_ended(client, athena, lake, sealed):
    """A workgroup's least limit is 10 MB, more than all that lies here: the server gets a lower one."""
    text = f"SELECT max(changes), max(event_id) FROM events_hourly WHERE organization = 'analysed' AND dt >= {HOUR}"
    within = start(client, text)
    assert ended(client, within)["Status"]["State"] == "SUCCEEDED"
    template = lake.stack.whole_template["Parameters"]["ScanCutoffBytes"]["Default"]
    assert athena.executions[within].cutoff == template
    athena.lower_limit = 1
    try:
        execution = ended(client, start(client, text))
        assert execution["Status"]["State"] == "FAILED" and OVER_THE_LIMIT in execution["Status"]["StateChangeReason"]
        answer = lake.get("analysed", "/v1/events", limit=5)
        assert answer.status_code in (400, 413, 422), (answer.status_code, answer.text)
    finally:
        athena.lower_limit = 0


def test_the_result_lies_where_the_workgroup_says(client, lake):
    execution = ended(client, start(client, "SELECT 'a\"b' AS x, CAST(NULL AS varchar) AS y"))
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location.startswith(f"s3://{lake.outputs['ResultsBucketName']}/athena/")
    key = location.split("/", 3)[3]
    assert lake.read(lake.outputs["ResultsBucketName"], key) == b'"x","y"\n"a""b",\n'


def test_unload_writes_files_that_its_manifest_names_to_an_empty_folder_only(client, lake):
    bucket = lake.outputs["ResultsBucketName"]
    text = f"UNLOAD (SELECT n, 'a' AS x FROM UNNEST(sequence(1, 5)) AS t(n) WHERE n > ?) TO 's3://{bucket}/athena/unloaded/' WITH (format = 'JSON', compression = 'GZIP')"
    execution = ended(client, start(client, text, "2"))
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    manifest = execution["Statistics"]["DataManifestLocation"].removeprefix(f"s3://{bucket}/")
    keys = [line.removeprefix(f"s3://{bucket}/") for line in lake.read(bucket, manifest).decode().splitlines()]
    assert sorted(keys) == sorted(lake.keys(bucket, "athena/unloaded/"))
    lines = [json.loads(line) for key in keys for line in gzip.decompress(lake.read(bucket, key)).splitlines()]
    assert sorted(line["n"] for line in lines) == [3, 4, 5]
    again = ended(client, start(client, text, "2"))
    assert again["Status"]["State"] == "FAILED" and "ALREADY_EXISTS" in again["Status"]["StateChangeReason"]
    assert "UNLOAD" in refused(client, f"UNLOAD SELECT 1 TO 's3://{bucket}/x/'")


def test_every_table_reads_what_is_there(client, sealed):
    by_hour = ask(client, f"SELECT event_id FROM events_hourly WHERE organization = ? AND dt >= {HOUR} ORDER BY event_time DESC", "'analysed'")
    assert [row[0] for row in by_hour] == [event["event_id"] for event in sealed]
    today = "year = date_format(event_time, '%Y')"
    moment = time.gmtime(time.time())
    parts = f"year = '{moment.tm_year}' AND month = '{moment.tm_mon:02}' AND day IN ('{moment.tm_mday:02}', '{max(moment.tm_mday - 1, 1):02}')"
    by_parts = ask(client, f"SELECT count(*) FROM events WHERE organization = ? AND {parts} AND {today}", "'analysed'")
    assert int(by_parts[0][0]) > 0
    arrival = "arrival >= date_format(current_timestamp - INTERVAL '1' HOUR, '%Y-%m-%dT%H')"
    landed = ask(client, f"SELECT count(DISTINCT event_id) FROM events_landing WHERE organization = ? AND {arrival}", "'analysed'")
    assert landed == [["30"]]
    seals = ask(client, "SELECT sum(rows_out), sum(cardinality(outputs)) FROM seals WHERE dt >= date_format(current_timestamp - INTERVAL '1' DAY, 'year=%Y/month=%m/day=%d')")
    assert int(seals[0][0]) >= 30 and int(seals[0][1]) >= 1
    assert ask(client, "SELECT * FROM actors WHERE organization = 'analysed'") == []


def test_the_live_view_shows_each_sealed_event_once(client, lake, sealed):
    """`compact` has bound it to what is sealed."""
    found = ask(client, f"SELECT event_id FROM events_live WHERE organization = ? AND dt >= {HOUR} ORDER BY event_time DESC", "'analysed'")
    assert [row[0] for row in found] == [event["event_id"] for event in sealed]
    fresh = make_events(2, "fresh")
    assert lake.post("analysed-live", fresh).status_code == 202
    lake.wait_until_landed("analysed-live", ["fresh-0", "fresh-1"])
    found = ask(client, f"SELECT event_id FROM events_live WHERE organization = ? AND dt >= {HOUR}", "'analysed-live'")
    assert sorted(row[0] for row in found) == ["fresh-0", "fresh-1"]


def named_queries(stack):
    return {name: resource["Properties"] for name, resource in stack.whole_template["Resources"].items() if resource["Type"] == "AWS::Athena::NamedQuery"}


def test_every_named_query_runs(client, stack, sealed):
    for name, query in named_queries(stack).items():
        parameters = ["'analysed'"] * query["QueryString"].count("?")
        rows = ask(client, query["QueryString"], *parameters)
        if name == "WhatHappenedQuery":
            assert len(rows) == 30


def test_without_the_tenant_no_query_is_run(client):
    execution = ended(client, start(client, f"SELECT count(*) FROM events_hourly WHERE dt >= {HOUR}"))
    assert execution["Status"]["State"] == "FAILED"


def test_the_documented_examples_run(client, sealed):
    specification = importlib.util.spec_from_file_location("document", REPOSITORY / "tests/analysts/document.py")
    document = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(document)
    for example in document.examples("athena"):
        ask(client, example)
    last_day = next(example for example in document.examples("athena") if "INTERVAL '1' DAY" in example)
    rows = ask(client, last_day.replace("'acme'", "'analysed'"))
    assert sum(int(row[2]) for row in rows) == 30
