"""The files of an export: programs that know nothing of us must read them, and find what is known to be in the lake."""

import csv
import gzip
import json
from datetime import datetime, timezone

import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import EXPORTED
from readers import COLUMNS, duckdb_connection

# The columns of the archive without where the lake keeps a row, with those that there lie in the path.
IN_ORDER = sorted(
    [column for column in COLUMNS if column[0] != "seal_time"] + [("region", "text", 6, False), ("organization", "text", 7, False)],
    key=lambda column: column[2],
)
NAMES = [name for name, *_ in IN_ORDER]
TIMES = [name for name, kind, *_ in IN_ORDER if kind == "time"]
NUMBERS = [name for name, kind, *_ in IN_ORDER if kind == "int32"]


@pytest.fixture(scope="session")
def known(lake):
    if lake.posted is None:
        pytest.skip("nothing is known about a lake that was given")
    return {identifier: event for (organization, identifier), event in {**lake.posted, **lake.imported}.items() if organization == EXPORTED}


def instant(text):
    assert text.endswith("Z") and len(text) == 24, text
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def plain(row):
    """A row of texts with the types of the archive."""
    row = {name: row.get(name) for name in NAMES}
    for name in TIMES:
        row[name] = instant(row[name]) if isinstance(row[name], str) else row[name].replace(tzinfo=row[name].tzinfo or timezone.utc).astimezone(timezone.utc)
    for name in NUMBERS:
        row[name] = None if row[name] is None else int(row[name])
    return row


def unguarded(text):
    return text[1:] if text.startswith("'") else text


def csv_rows(lake):
    for path in lake.exports["csv"]:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            assert reader.fieldnames == NAMES
            for row in reader:
                yield {name: unguarded(value) or None for name, value in row.items()}


def csv_by_duckdb(lake):
    paths = [str(path) for path in lake.exports["csv"]]
    query = """SELECT * FROM read_csv($paths, header = true, all_varchar = true, quote = '"', escape = '"', delim = ',')"""
    relation = duckdb_connection().execute(query, {"paths": paths})
    names = [column[0] for column in relation.description]
    for row in relation.fetchall():
        yield {name: None if value is None else unguarded(value) for name, value in zip(names, row, strict=True)}


def ndjson_rows(lake):
    for path in lake.exports["ndjson"]:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            yield from map(json.loads, file)


def parquet_by_pyarrow(lake):
    for path in lake.exports["parquet"]:
        yield from pyarrow.parquet.read_table(path).to_pylist()


def parquet_by_duckdb(lake):
    paths = [str(path) for path in lake.exports["parquet"]]
    yield from duckdb_connection().sql("SELECT * FROM read_parquet($paths)", params={"paths": paths}).to_arrow_table().to_pylist()


READERS = {
    "csv": csv_rows, "csv by DuckDB": csv_by_duckdb, "ndjson": ndjson_rows, "parquet by pyarrow": parquet_by_pyarrow,
    "parquet by DuckDB": parquet_by_duckdb,
}


@pytest.mark.parametrize("reader", READERS)
def test_every_event_is_exported_once_with_its_values(lake, known, reader):
    rows = [plain(row) for row in READERS[reader](lake)]
    assert len(rows) == lake.exported_rows[reader.split()[0]] == len(known)
    assert {row["event_id"] for row in rows} == known.keys()
    for row in rows:
        expected = known[row["event_id"]]
        assert {name: row[name] for name in expected if name != "raw"} == {name: value for name, value in expected.items() if name != "raw"}
        assert (row["raw"] is None) == (row["source"] == "api")


@pytest.mark.parametrize("reader", [name for name in READERS if name != "ndjson"])
def test_exports_are_newest_first_and_say_the_same(lake, known, reader):
    rows = [plain(row) for row in READERS[reader](lake)]
    places = [(row["event_time"], row["event_id"], row["source"]) for row in rows]
    assert places == sorted(places, reverse=True)
    for row, other in zip(rows, ndjson_rows(lake), strict=True):
        # What is JSON in NDJSON is a text elsewhere.
        for name in ("changes", "metadata"):
            assert (None if row[name] is None else json.loads(row[name])) == other.get(name), name
        for name in ("event_id", "user_agent", "resource_name", "error_message", "raw"):
            assert row[name] == other.get(name), name


def test_no_cell_begins_as_a_formula_does(lake, known):
    for path in lake.exports["csv"]:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file, strict=True):
                assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in row), row


def test_parquet_has_the_columns_and_field_ids_of_the_archive(lake, known):
    types = {"text": pa.string(), "time": pa.timestamp("ms", tz="UTC"), "int32": pa.int32()}
    for path in lake.exports["parquet"]:
        schema = pyarrow.parquet.read_schema(path)
        found = [(field.name, field.type, int(field.metadata[b"PARQUET:field_id"]), field.nullable) for field in schema]
        assert found == [(name, types[kind], field_id, nullable) for name, kind, field_id, nullable in IN_ORDER]
        assert pyarrow.parquet.read_metadata(path).row_group(0).column(0).compression == "SNAPPY"
