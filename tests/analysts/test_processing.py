"""The examples of docs/processing.md on the fixtures of the sources; what they must answer is read off the fixtures by hand."""

import pytest

from document import examples


@pytest.fixture
def run(imported):
    """Runs the examples of a name, and gives what they leave behind."""
    def run(name):
        scope = {}
        for code in examples("setup", imported, "processing.md") + examples(name, imported, "processing.md"):
            exec(code, scope)
        return scope

    return run


def test_airbyte(run):
    admins = run("airbyte")["admins"]
    found = [(row.actor_email, row.resource_id, row.scope_type, row.before, row.after) for row in admins.itertuples()]
    found = [tuple(None if value != value else value for value in row) for row in found]
    assert found == [
        ("ada@example.com", "u-bob", "organization", "organization_member", "organization_admin"),
        ("ada@example.com", "u-bob", "instance", None, "instance_admin"),
        ("ada@example.com", "u-eve", "organization", "organization_reader", "organization_admin"),
        ("ada@example.com", "u-bob", "organization", "organization_member", "organization_admin"),
    ]


def test_everything_a_partner_read(run):
    (row,) = run("aws")["partner"].itertuples()
    assert (row.external_id, row.action, row.actor_via) == ("vendor-external-7", "GetObject", "arn:aws:iam::111122223333:role/partners/vendor-read")
    assert row.resource_id == "arn:aws:s3:::training-data/images/a b/é+1.jpg"
    assert (row.source_ip, row.assumed_from) == ("2001:db8::17", "198.51.100.20")


def test_lakefs(run):
    found = [row[1:] for row in run("lakefs")["rewritten"]]
    assert found == [
        ("loader", "delete_object", "weather", "main", "daily/2026/rain.csv", 204),
        ("loader", "put_object", "weather", "staging", "daily/2026/größe 100%.parquet", 200),
    ]


def test_s3_access_logs(run):
    rows = run("s3")["by_address"].to_pylist()
    found = {row["source_ip"]: (row["resource_name_count"], row["bytes_sum"]) for row in rows}
    # The presigned download, the image of 2012, and the one with stars in its key.
    assert found["2001:db8::17"] == (1, 262_144) and found["203.0.113.9"] == (1, 9_515) and found["203.0.113.80"] == (1, 1_024)


def test_refusals_of_all_sources(run):
    refused = {row.source: row.refused for row in run("refused")["refused"].itertuples()}
    assert {"aws.cloudtrail", "aws.s3access", "azure.storage", "gcp.audit", "lakefs"} <= refused.keys()
    assert refused["lakefs"] == 2, "a login and the deletion of a branch"
