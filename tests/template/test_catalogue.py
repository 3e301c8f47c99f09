"""The tables are those of the code, the views say what they should in the form in which Athena keeps views."""

import base64
import json
import re
import subprocess
import sys

import pytest
import sqlglot
from cloudformation import ROOT, Template
from sqlglot import exp

# As of the design page; a new column is added at the end, here too.
COLUMNS = """event_id event_time event_time_nanos received_time seal_time region organization source action category outcome error_code
error_message actor_id actor_type actor_name actor_email actor_via resource_type resource_id resource_name scope_type scope_id changes
source_ip user_agent service_name request_id http_method http_path http_status metadata raw""".split()
TRINO = dict.fromkeys(("event_time", "received_time", "seal_time"), "timestamp(3)") | dict.fromkeys(
    ("event_time_nanos", "http_status"), "integer")
HIVE_OF_TRINO = {"varchar": "string", "timestamp(3)": "timestamp", "integer": "int"}
LAKEFS = ["data_user", "data_repository", "data_ref", "data_service_name", "data_request_id", "data_path", "data_operation_id",
          "data_method", "data_time", "data_status_code"]

BUCKET_OF = {"events": "ArchiveBucket", "events_hourly": "ArchiveBucket", "events_landing": "LandingBucket"}


def inputs(template):
    return {resource["Properties"]["TableInput"]["Name"]: resource["Properties"]["TableInput"]
            for _, resource in template.resources("AWS::Glue::Table")}


def test_the_template_is_as_its_script_makes_it():
    done = subprocess.run([sys.executable, ROOT / "infra/catalog.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_table_of_the_design_is_there(lake):
    assert inputs(lake).keys() == {"events", "events_hourly", "events_landing", "seals", "actors", "events_live", "lakefs_audit"}


@pytest.mark.parametrize("name", BUCKET_OF)
def test_tables_over_events_are_those_of_the_code(name):
    """tests/golden is what `Table::glue_table_input` of crates/athena gives; its own tests keep it so."""
    golden = (ROOT / f"crates/athena/tests/golden/{name}.glue.json").read_text("utf-8")
    location = re.search(r'"Location": "(s3://.*)/(?:etl/v1/data|landing)/"', golden).group(1)
    expected = json.loads(golden.replace(location, f"s3://{BUCKET_OF[name]}"))
    regions = expected["Parameters"].get("projection.region.values", "")
    table = inputs(Template.of_the_lake(Regions=regions))[name]
    assert table.pop("Description")
    assert table == expected


def test_regions_default_to_the_installation_region_and_that_to_the_stacks():
    for parameters, expected in (({}, "AWS::Region"), ({"InstallationRegion": "on-prem"}, "on-prem"),
                                 ({"InstallationRegion": "a", "Regions": "a,b"}, "a,b")):
        table = inputs(Template.of_the_lake(**parameters))["events"]
        assert table["Parameters"]["projection.region.values"] == expected


def test_the_columns_are_those_of_the_design(lake):
    names = [column["Name"] for column in inputs(lake)["events_landing"]["StorageDescriptor"]["Columns"]]
    assert names == COLUMNS


def test_seals_reads_the_records_by_day(lake):
    table = inputs(lake)["seals"]
    assert table["StorageDescriptor"]["Location"] == "s3://ArchiveBucket/seals/"
    assert table["Parameters"]["storage.location.template"] == "s3://ArchiveBucket/seals/${dt}/"
    assert table["Parameters"]["projection.dt.format"] == "'year='yyyy'/month='MM'/day='dd"
    record = (ROOT / "crates/lake/src/seal/record.rs").read_text("utf-8").partition("pub struct SealRecord {")[2].partition("\n}")[0]
    fields = re.findall(r"^    pub (\w+):", record, re.MULTILINE)
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == fields


def test_actors_lie_by_organization(lake):
    table = inputs(lake)["actors"]
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["actor_id", "email", "name"]
    assert table["PartitionKeys"] == [{"Name": "organization", "Type": "string"}]
    assert table["Parameters"]["storage.location.template"] == "s3://ResultsBucket/directory/organization=org-${organization}/"


def definition(table):
    found = re.fullmatch(r"/\* Presto View: ([A-Za-z0-9+/=]+) \*/", table["ViewOriginalText"])
    assert found, table["ViewOriginalText"][:60]
    return json.loads(base64.b64decode(found.group(1), validate=True))


@pytest.mark.parametrize("name", ["events_live", "lakefs_audit"])
def test_views_are_kept_as_athena_keeps_them(lake, name):
    table = inputs(lake)[name]
    assert table["TableType"] == "VIRTUAL_VIEW"
    assert table["Parameters"]["presto_view"] == "true"
    assert table["ViewExpandedText"] == "/* Presto View */"
    view = definition(table)
    assert view.keys() == {"originalSql", "catalog", "schema", "columns"}
    assert (view["catalog"], view["schema"]) == ("awsdatacatalog", "Database")
    inside = [(column["name"], HIVE_OF_TRINO[column["type"]]) for column in view["columns"]]
    outside = [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]]
    assert inside == outside
    assert table["PartitionKeys"] == []


@pytest.mark.parametrize("name", ["events_live", "lakefs_audit"])
def test_views_select_the_columns_they_announce(lake, name):
    view = definition(inputs(lake)[name])
    statement = sqlglot.parse_one(view["originalSql"], read="athena")
    sides = [statement] if isinstance(statement, exp.Select) else [statement.left, statement.right]
    for side in sides:
        assert [item.alias_or_name for item in side.expressions] == [column["name"] for column in view["columns"]]


def tables_of(sql):
    return {table.name for table in sqlglot.parse_one(sql, read="athena").find_all(exp.Table)}


def test_events_live_is_archive_and_landing_at_a_literal_before_everything(lake):
    view = definition(inputs(lake)["events_live"])
    assert view["columns"] == [{"name": name, "type": TRINO.get(name, "varchar")} for name in COLUMNS] + [{"name": "dt", "type": "varchar"}]
    union = sqlglot.parse_one(view["originalSql"], read="athena")
    assert isinstance(union, exp.Union) and not union.args["distinct"]
    assert [side.find(exp.Table).name for side in (union.left, union.right)] == ["events_hourly", "events_landing"]
    literal = "TIMESTAMP '1970-01-01 00:00:00.000'"
    archive, landing = view["originalSql"].split(" UNION ALL ")
    assert archive.endswith(f'FROM "Database"."events_hourly" WHERE seal_time < {literal}')
    # The hour of `sealed until` less the lead of 5 minutes: without a bound every hour of landing is listed.
    assert landing.endswith(f'FROM "Database"."events_landing" WHERE seal_time >= {literal} AND arrival >= \'1969-12-31T23\'')
    assert "date_format(event_time, 'year=%Y/month=%m/day=%d/hour=%H') AS dt" in landing


def test_lakefs_audit_has_lakefs_names_and_types(lake):
    view = definition(inputs(lake)["lakefs_audit"])
    assert view["columns"] == [
        {"name": name, "type": "integer" if name == "data_status_code" else "varchar"}
        for name in [*LAKEFS, "region", "organization", "year", "month", "day", "hour"]]
    assert tables_of(view["originalSql"]) == {"events"}
    assert view["originalSql"].endswith("WHERE source = 'lakefs'")


def test_tables_obey_iam_also_where_lake_formation_is_used(lake):
    assert lake.properties("Database")["DatabaseInput"]["CreateTableDefaultPermissions"] == [
        {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}]


def test_the_workgroup_cannot_be_overruled(lake):
    configuration = lake.properties("WorkGroup")["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["EngineVersion"] == {"SelectedEngineVersion": "Athena engine version 3"}
    assert configuration["BytesScannedCutoffPerQuery"] == 100 * 2**30
    assert configuration["ResultConfiguration"]["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": "arn:Key"}


PARTITION_BOUNDS = {"events_hourly": {"dt"}, "events_live": {"dt"}, "seals": {"dt"}, "lakefs_audit": {"year", "month", "day"}, "actors": set()}


def test_named_queries_are_athena_sql_that_prunes(lake):
    queries = [resource["Properties"] for _, resource in lake.resources("AWS::Athena::NamedQuery")]
    assert len(queries) >= 6
    names = {name: {column["Name"] for column in table["StorageDescriptor"]["Columns"]} | {key["Name"] for key in table["PartitionKeys"]}
             for name, table in inputs(lake).items()}
    for query in queries:
        assert query["WorkGroup"] == "WorkGroup" and query["Database"] == "Database"
        statement = sqlglot.parse_one(query["QueryString"], read="athena")
        for select in statement.find_all(exp.Select):
            source = select.args["from_"].this if "from_" in select.args else select.args["from"].this
            conditions = {column.name for column in select.args["where"].find_all(exp.Column)}
            assert conditions >= PARTITION_BOUNDS[source.name], query["Name"]
            if source.name != "seals":
                assert "organization" in conditions, query["Name"]
        known = set().union(*(names[table] for table in tables_of(query["QueryString"])))
        known |= {alias.alias for alias in statement.find_all(exp.Alias)}
        assert {column.name for column in statement.find_all(exp.Column)} <= known, query["Name"]
        asked = {"Asks for the organization twice.": 2, "Asks for the organization.": 1}
        ending = query["Description"].partition("Asks for")
        expected = asked.get("".join(ending[1:]), 2) if ending[1] else 0
        assert query["QueryString"].count("?") == expected, query["Name"]
