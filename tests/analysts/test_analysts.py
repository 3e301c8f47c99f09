"""The examples of docs/analysts.md, run on a local archive; what they must answer is worked out from what was posted."""

import os
import shutil
from collections import Counter

import duckdb
import pytest

from document import examples


def attempts(events, *names):
    """(values…, number) of the denied events."""
    return Counter(tuple(event[name] for name in names) for event in events if event["outcome"] == "denied")


def changes(events):
    """(event time, field, before, after), the values as texts, of every change."""
    def text(value):
        return None if value is None else str(value)

    return sorted(
        (event["event_time"], change["field"], text(change["before"]) or "", text(change["after"]))
        for event in events for change in event.get("changes", [])
    )


def written(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def test_duckdb(archive, posted, of_the_day):
    view, denied, changed, first_seen = examples("duckdb", archive)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(view)
    rows = connection.execute(denied).fetchall()
    assert {tuple(row[:2]): row[2] for row in rows} == attempts(of_the_day, "actor_email", "action")
    assert {row[0] for row in connection.execute("SELECT DISTINCT organization FROM events").fetchall()} == {"acme"}

    acme = [event for event in posted if event["organization"] == "acme"]
    rows = connection.execute(changed).fetchall()
    assert len(rows) == 20
    found = {(written(row[0]), row[3], row[4] or "", row[5]) for row in rows}
    assert found <= set(changes(acme))
    names = {event["actor_id"] for event in acme} - {event["actor_id"] for event in acme if event["event_time"] < "2026-03-01"}
    assert {row[0] for row in connection.execute(first_seen).fetchall()} == names != set()


def test_pandas(archive, of_the_day):
    scope = {}
    for code in examples("pandas", archive):
        exec(code, scope)
    frame = scope["frame"]
    assert len(frame) == len(of_the_day)
    by_hour = scope["by_hour"].stack()
    counted = Counter((event["event_time"][:13], event["outcome"]) for event in of_the_day)
    assert {(moment.strftime("%Y-%m-%dT%H"), outcome): count for (moment, outcome), count in by_hour.items() if count} == counted
    rows = scope["changes"].itertuples()
    missing = (None, "", "None", "nan")
    found = sorted((written(row.event_time), row.field, "" if str(row.before) in missing else str(row.before).removesuffix(".0"), str(row.after)) for row in rows)
    assert found == changes(of_the_day)


@pytest.fixture(scope="module")
def spark_session():
    """Spark on this machine, loopback only. The examples get it by `getOrCreate`."""
    if not shutil.which("java"):
        refuse = pytest.fail if os.environ.get("AUDITLAKE_REQUIRE_JAVA") == "1" else pytest.skip
        refuse("Spark needs Java 17 on the path")
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2",
        "spark.driver.memory": "1g",
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def test_spark(archive, of_the_day, spark_session):
    scope = {}
    for code in examples("spark", archive):
        exec(code, scope)
    events = scope["events"]
    assert events.count() == len(of_the_day)
    types = dict(events.dtypes)
    assert {types[name] for name in ("region", "organization", "year", "month", "day", "hour")} == {"string"}
    assert types["event_time"] == "timestamp"
    assert {(row.organization, row.month, row.day) for row in events.select("organization", "month", "day").distinct().collect()} == {("acme", "03", "01")}
    found = {(row.actor_id, row.action): row.attempts for row in scope["denied"].collect()}
    assert found == attempts(of_the_day, "actor_id", "action")
    moments = scope["changes"].selectExpr("date_format(event_time, \"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\") AS moment", "field", "before", "after").collect()
    assert sorted((row.moment, row.field, row.before or "", row.after) for row in moments) == changes(of_the_day)
