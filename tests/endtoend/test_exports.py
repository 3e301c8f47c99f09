"""Exports over the API: started, followed to their end, and downloaded by links that need no token."""

import csv
import gzip
import io
import json
import tempfile

import duckdb
import pytest
import requests

from lake import make_events, now
from waiting import until

pytestmark = pytest.mark.usefixtures("athena")


def start(lake, tenant, **body):
    answer = lake.call("POST", "/v1/exports", tenant, json=body)
    assert answer.status_code == 202, (answer.status_code, answer.text)
    assert answer.headers["location"] == answer.json()["link"]
    return answer.json()["link"]


def ended(lake, tenant, link):
    def export():
        answer = lake.get(tenant, link)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json() if answer.json()["status"] != "running" else None

    return until("the export has ended", export, 120)


def exported(lake, tenant, **body):
    export = ended(lake, tenant, start(lake, tenant, **body))
    assert export["status"] == "done", export
    return export


def downloaded(file):
    answer = requests.get(file["url"], timeout=60)
    assert (answer.status_code, len(answer.content)) == (200, file["bytes"]), answer.text[:500]
    return answer.content


def parquet_rows(contents):
    rows = []
    for content in contents:
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
            file.write(content)
            file.flush()
            relation = duckdb.connect().execute(f"SELECT * FROM read_parquet('{file.name}')")
            names = [column[0] for column in relation.description]
            rows += [dict(zip(names, row, strict=True)) for row in relation.fetchall()]
    return rows


@pytest.fixture
def events(lake, organization):
    """Events of which some are sealed; the list answers them."""
    sealed = make_events(30, "sealed", newest=None)
    sealed[3] |= {"resource_id": "=HYPERLINK(\"http://evil.example\")", "actor_id": "-"}
    sealed[4] |= {"resource_id": "two\nlines, and a \"quote\""}
    assert lake.post(organization, sealed).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in sealed])
    lake.seal_through(now())
    fresh = make_events(20, "fresh")
    assert lake.post(organization, fresh).status_code == 202
    lake.wait_until_landed(organization, [event["event_id"] for event in fresh])
    listed = lake.events(organization, **{"source!": "auditlake.api"})
    assert len(listed) == 50
    return listed


def test_csv_is_the_list_in_its_order(lake, organization, events):
    export = exported(lake, organization, format="csv", **{"source!": ["auditlake.api"]})
    (file,) = export["files"]
    records = list(csv.DictReader(io.StringIO(downloaded(file).decode(), newline="")))
    assert [record["event_id"] for record in records] == [event["event_id"] for event in events]
    for record, event in zip(records, events, strict=True):
        assert record["event_time"] == event["event_time"] and record["organization"] == organization
        assert not any((value or "").startswith(("=", "+", "-", "@")) for value in record.values()), record
        for name in ("resource_id", "actor_id", "action", "outcome"):
            assert record[name].removeprefix("'") == event[name], (name, record)
        assert json.loads(record["changes"]) == event["changes"]
    guarded = [record["resource_id"] for record in records if record["resource_id"].startswith("'")]
    assert guarded == ["'=HYPERLINK(\"http://evil.example\")"]


def test_ndjson_holds_every_event_with_times_as_the_api_writes_them(lake, organization, events):
    export = exported(lake, organization, format="ndjson", **{"source!": "auditlake.api"})
    lines = [json.loads(line) for file in export["files"] for line in gzip.decompress(downloaded(file)).decode().splitlines()]
    by_id = {line["event_id"]: line for line in lines}
    assert len(lines) == len(by_id) == 50
    for event in events:
        line = by_id[event["event_id"]]
        for name in ("event_time", "received_time", "action", "resource_id", "actor_email", "region"):
            assert line[name] == event[name], name
        # Athena has no JSON in its files: these are texts that hold it.
        assert json.loads(line["changes"]) == event["changes"]


def test_parquet_holds_every_event_with_the_columns_of_the_archive(lake, organization, events):
    export = exported(lake, organization, format="parquet", **{"source!": "auditlake.api"})
    assert len(export["files"]) > 1 and export["scanned_bytes"] > 0
    rows = parquet_rows([downloaded(file) for file in export["files"]])
    assert sorted(row["event_id"] for row in rows) == sorted(event["event_id"] for event in events)
    assert list(rows[0])[:4] == ["event_id", "event_time", "event_time_nanos", "received_time"]
    assert "seal_time" not in rows[0] and "raw" not in rows[0] and rows[0]["organization"] == organization
    (moment,) = [row["event_time"] for row in rows if row["event_id"] == events[0]["event_id"]]
    assert moment.isoformat(timespec="milliseconds") + "Z" == events[0]["event_time"]


def test_filters_of_an_export_reach_the_engine_as_values(lake, organization, events):
    hostile = "x') TO 's3://elsewhere/' --"
    assert exported(lake, organization, format="parquet", resource_id=hostile)["files"] == []
    wanted = sorted(event["event_id"] for event in events if event["action"] == "login" and event["outcome"] == "denied")
    export = exported(lake, organization, format="parquet", action=["login"], outcome="denied", q="acme.example")
    assert sorted(row["event_id"] for row in parquet_rows([downloaded(file) for file in export["files"]])) == wanted


def test_a_download_is_resumed_and_a_changed_link_opens_nothing(lake, organization, events):
    (file,) = exported(lake, organization, format="csv", **{"source!": "auditlake.api"})["files"]
    whole, half = downloaded(file), file["bytes"] // 2
    first = requests.get(file["url"], headers={"range": f"bytes=0-{half - 1}"}, timeout=60)
    rest = requests.get(file["url"], headers={"range": f"bytes={half}-"}, timeout=60)
    assert (first.status_code, rest.status_code) == (206, 206) and first.content + rest.content == whole
    assert "X-Amz-Expires=3600" in file["url"]


def test_what_a_failed_attempt_left_is_no_file_of_an_export(lake, organization, events):
    link = start(lake, organization, format="ndjson", **{"source!": "auditlake.api"})
    before = ended(lake, organization, link)
    bucket = lake.outputs["ResultsBucketName"]
    folder = next(key for key in lake.keys(bucket, f"athena/exports/{organization}/")).rpartition("/")[0]
    lake.s3.put_object(Bucket=bucket, Key=f"{folder}/orphan", Body=b"{}")
    after = lake.get(organization, link).json()
    assert [file["bytes"] for file in after["files"]] == [file["bytes"] for file in before["files"]]


def test_another_tenant_and_a_forged_id_find_nothing(lake, organization, events):
    link = start(lake, organization, format="csv")
    for tenant, path in ((organization + "-eu", link), ("somebody-else", link), (organization, link[:-3] + "AAA"), (organization, "/v1/exports/x")):
        assert lake.get(tenant, path).status_code == 404, (tenant, path)
        assert lake.call("DELETE", path, tenant).status_code == 404, (tenant, path)
    assert ended(lake, organization, link)["status"] == "done"
    assert lake.call("GET", link, organization, permissions=()).status_code == 403


def test_a_cancelled_export_ends(lake, organization):
    link = start(lake, organization, format="parquet")
    assert lake.call("DELETE", link, organization).status_code == 204
    # It may have been done before.
    assert ended(lake, organization, link)["status"] in ("cancelled", "done")


def test_who_exported_what_is_in_the_log(lake, organization, events):
    exported(lake, organization, format="csv", action="login")

    def recorded():
        found = lake.events(organization, source="auditlake.api", resource_id="exports")
        return found if len(found) >= 2 else None

    links, started = until("both reads are in the log", recorded, 90)[:2]
    assert started["metadata"]["filters"]["conditions"] == [{"field": "action", "negated": False, "values": ["login"]}]
    assert links["metadata"]["filters"]["export"] == started["metadata"]["filters"]["export"]
