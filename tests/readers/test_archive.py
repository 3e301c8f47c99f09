"""The archive is a public contract: programs that know nothing of us must read it, all in the same way."""

import collections
import re
from datetime import datetime, timezone

import polars
import pyarrow as pa
import pyarrow.parquet
import pytest
from readers import COLUMNS, NAMES, PARTITIONS, READERS, by_pyarrow, duckdb_connection, polars_frame, pyarrow_dataset

KEY = re.compile(
    r"region=(?P<region>[a-z0-9][a-z0-9_-]{0,62})/organization=org-(?P<organization>[a-z0-9][a-z0-9_-]{0,62})"
    r"/year=(?P<year>\d{4})/month=(?P<month>\d{2})/day=(?P<day>\d{2})/hour=(?P<hour>\d{2})"
    r"/(?P<seal>\d{8}T\d{6}Z)-(?P<shard>\d{4})-(?:snappy|zstd)\.parquet"
)


@pytest.fixture(scope="session")
def rows(lake):
    return {name: read(lake) for name, read in READERS.items()}


@pytest.mark.parametrize("reader", [name for name in READERS if name != "pyarrow"])
def test_every_reader_gives_the_same_rows(rows, reader):
    ours, theirs = rows["pyarrow"], rows[reader]
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        assert one == other


def test_every_event_is_there_exactly_once_with_its_values(lake, rows):
    if lake.posted is None:
        pytest.skip("nothing is known about a lake that was given")
    known = {**lake.posted, **lake.imported}
    found = collections.Counter((row["organization"], row["event_id"]) for row in rows["pyarrow"])
    assert found.keys() == known.keys()
    assert set(found.values()) == {1}
    for row in rows["pyarrow"]:
        expected = known[row["organization"], row["event_id"]]
        assert {name: row[name] for name in expected} == expected


def test_every_page_carries_the_checksum_of_the_format(lake):
    for path in lake.files:
        pyarrow.parquet.ParquetFile(path, page_checksum_verification=True).read()
    data = bytearray(lake.files[0].read_bytes())
    chunk = pyarrow.parquet.read_metadata(lake.files[0]).row_group(0).column(0)
    start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
    data[start + chunk.total_compressed_size - 1] ^= 1
    with pytest.raises(OSError, match="(?i)crc|checksum"):
        pyarrow.parquet.ParquetFile(pa.BufferReader(bytes(data)), page_checksum_verification=True).read()


def test_the_columns_have_the_types_of_the_contract_in_pyarrow(lake):
    types = {"text": pa.string(), "time": pa.timestamp("ms", tz="UTC"), "int32": pa.int32()}
    schema = pyarrow_dataset(lake).schema
    for name, kind, *_ in COLUMNS:
        assert schema.field(name).type == types[kind], name


def test_the_columns_have_the_types_of_the_contract_in_duckdb(lake):
    types = {"text": "VARCHAR", "time": "TIMESTAMP WITH TIME ZONE", "int32": "INTEGER"}
    described = duckdb_connection().execute(f"DESCRIBE SELECT * FROM read_parquet('{lake.glob}', hive_partitioning = true)").fetchall()
    found = {name: kind for name, kind, *_ in described}
    assert {name: found[name] for name in NAMES} == {name: types[kind] for name, kind, *_ in COLUMNS}


def test_the_columns_have_the_types_of_the_contract_in_polars(lake):
    types = {"text": polars.String, "time": polars.Datetime("ms", "UTC"), "int32": polars.Int32}
    schema = polars_frame(lake).collect_schema()
    assert {name: schema[name] for name in NAMES} == {name: types[kind] for name, kind, *_ in COLUMNS}


def test_every_object_carries_exactly_the_columns_in_order_with_their_field_ids(lake):
    expected = [(name, field_id, nullable) for name, _, field_id, nullable in COLUMNS]
    for path in lake.files:
        schema = pyarrow.parquet.read_schema(path)
        found = [(field.name, int(field.metadata[b"PARQUET:field_id"]), field.nullable) for field in schema]
        assert found == expected, path
        logical = pyarrow.parquet.ParquetFile(path).schema.column(1).logical_type
        assert "isAdjustedToUTC=true" in str(logical) and "timeUnit=milliseconds" in str(logical), path


def test_an_object_lies_where_its_rows_belong(lake):
    for path in lake.files:
        key = KEY.fullmatch(path.relative_to(lake.archive).as_posix())
        assert key, path
        hour = datetime(*(int(key[name]) for name in ("year", "month", "day", "hour")), tzinfo=timezone.utc)
        seal_time = datetime.strptime(key["seal"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        table = pyarrow.parquet.read_table(path, columns=["event_time", "seal_time"], partitioning=None)
        assert table.num_rows > 0
        for row in table.to_pylist():
            assert row["event_time"].replace(minute=0, second=0, microsecond=0) == hour, path
            assert row["seal_time"] == seal_time, path


def test_every_reader_counts_the_same_in_every_partition(lake):
    group = ", ".join(PARTITIONS)
    query = f"SELECT {group}, count(*) FROM read_parquet('{lake.glob}', hive_partitioning = true) GROUP BY ALL"
    by_duckdb = {tuple(map(str, row[:2])) + tuple(map(int, row[2:6])): row[6] for row in duckdb_connection().execute(query).fetchall()}
    frame = polars_frame(lake).group_by(PARTITIONS).len().collect()
    by_polars = {tuple(map(str, row[:2])) + tuple(map(int, row[2:6])): row[6] for row in frame.iter_rows()}
    by_footers = collections.Counter()
    for path in lake.files:
        key = KEY.fullmatch(path.relative_to(lake.archive).as_posix())
        partition = (key["region"], f"org-{key['organization']}", *(int(key[name]) for name in PARTITIONS[2:]))
        by_footers[partition] += pyarrow.parquet.read_metadata(path).num_rows
    assert by_duckdb == dict(by_footers)
    assert by_polars == dict(by_footers)


def test_a_filter_on_partitions_finds_what_a_filter_on_rows_finds(lake, rows):
    organization, hour = collections.Counter((row["organization"], row["hour"]) for row in rows["pyarrow"]).most_common(1)[0][0]
    expected = sum(1 for row in rows["pyarrow"] if (row["organization"], row["hour"]) == (organization, hour))
    query = f"SELECT count(*) FROM read_parquet('{lake.glob}', hive_partitioning = true) WHERE organization = ? AND hour::INT = ?"
    assert duckdb_connection().execute(query, [f"org-{organization}", hour]).fetchone()[0] == expected
    where = (polars.col("organization") == f"org-{organization}") & (polars.col("hour").cast(polars.Int64) == hour)
    assert polars_frame(lake).filter(where).select(polars.len()).collect().item() == expected
    field = pyarrow.dataset.field
    where = (field("organization") == f"org-{organization}") & (field("hour").cast(pa.int64()) == hour)
    assert pyarrow_dataset(lake).count_rows(filter=where) == expected


def test_the_readers_see_as_many_bytes_as_there_are(lake):
    on_disk = sum(path.stat().st_size for path in lake.files)
    footers = [pyarrow.parquet.read_metadata(path) for path in lake.files]
    by_pyarrow = sum(
        footer.row_group(group).column(column).total_compressed_size
        for footer in footers
        for group in range(footer.num_row_groups)
        for column in range(footer.num_columns)
    )
    by_duckdb = duckdb_connection().execute(f"SELECT sum(total_compressed_size) FROM parquet_metadata('{lake.glob}')").fetchone()[0]
    assert by_duckdb == by_pyarrow
    assert by_pyarrow < on_disk
    # Of the same order as what these programs write themselves, however small the hours are.
    written = 0
    for path in lake.files:
        sink = pa.BufferOutputStream()
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(path, partitioning=None), sink, compression="snappy")
        written += sink.getvalue().size
    print(f"{len(lake.files)} objects: {on_disk} bytes on disk, {by_pyarrow} in column chunks, {written} as pyarrow writes the same rows")
    assert written / 10 < on_disk < written * 10


def test_rows_lie_in_time_order_across_row_groups(lake):
    for path in lake.files:
        file = pyarrow.parquet.ParquetFile(path)
        last = None
        for group in range(file.num_row_groups):
            times = file.read_row_group(group, columns=["event_time"]).column(0).to_pylist()
            assert last is None or min(times) >= last, path
            last = max(times)


def test_readers_see_no_partition_in_the_file_and_no_null_where_none_may_be(lake):
    for row in by_pyarrow(lake):
        for name, _, _, nullable in COLUMNS:
            assert nullable or row[name] is not None, name
