"""Three programs that know nothing of us read the archive with hive partitioning; each answers with plain Python values."""

from datetime import datetime, timezone

import duckdb
import polars
import pyarrow.dataset

# The columns of an archive object as the design lists them: name, type, field id, nullable.
# `region` (6) and `organization` (7) lie in the path.
COLUMNS = [
    ("event_id", "text", 1, False),
    ("event_time", "time", 2, False),
    ("event_time_nanos", "int32", 3, True),
    ("received_time", "time", 4, False),
    ("seal_time", "time", 5, False),
    ("source", "text", 8, False),
    ("action", "text", 9, False),
    ("category", "text", 10, True),
    ("outcome", "text", 11, False),
    ("error_code", "text", 12, True),
    ("error_message", "text", 13, True),
    ("actor_id", "text", 14, True),
    ("actor_type", "text", 15, True),
    ("actor_name", "text", 16, True),
    ("actor_email", "text", 17, True),
    ("actor_via", "text", 18, True),
    ("resource_type", "text", 19, True),
    ("resource_id", "text", 20, True),
    ("resource_name", "text", 21, True),
    ("scope_type", "text", 22, True),
    ("scope_id", "text", 23, True),
    ("changes", "text", 24, True),
    ("source_ip", "text", 25, True),
    ("user_agent", "text", 26, True),
    ("service_name", "text", 27, True),
    ("request_id", "text", 28, True),
    ("http_method", "text", 29, True),
    ("http_path", "text", 30, True),
    ("http_status", "int32", 31, True),
    ("metadata", "text", 32, True),
    ("raw", "text", 33, True),
]
NAMES = [name for name, *_ in COLUMNS]
PARTITIONS = ["region", "organization", "year", "month", "day", "hour"]
NUMBERS = ["year", "month", "day", "hour"]


def plain(row):
    """A row in one form: times in UTC, `year` to `hour` as numbers (readers guess their types), the organization's bare name."""
    for name, value in row.items():
        if isinstance(value, datetime):
            row[name] = value.astimezone(timezone.utc)
    for name in NUMBERS:
        row[name] = int(row[name])
    prefix, _, bare = row["organization"].partition("-")
    assert prefix == "org", row["organization"]
    row["organization"] = bare
    return row


def sorted_rows(rows):
    return sorted((plain(row) for row in rows), key=lambda row: (row["organization"], row["event_time"], row["event_id"], row["source"]))


def pyarrow_dataset(lake):
    return pyarrow.dataset.dataset(lake.archive, format="parquet", partitioning="hive")


def by_pyarrow(lake):
    return sorted_rows(pyarrow_dataset(lake).to_table(columns=NAMES + PARTITIONS).to_pylist())


def duckdb_connection():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def by_duckdb(lake):
    columns = ", ".join(NAMES + PARTITIONS)
    query = f"SELECT {columns} FROM read_parquet('{lake.glob}', hive_partitioning = true)"
    # As Arrow, so that times need no time zone database.
    return sorted_rows(duckdb_connection().sql(query).to_arrow_table().to_pylist())


def polars_frame(lake):
    return polars.scan_parquet(str(lake.archive / "**" / "*.parquet"), hive_partitioning=True)


def by_polars(lake):
    return sorted_rows(polars_frame(lake).select(NAMES + PARTITIONS).collect().to_arrow().to_pylist())


READERS = {"pyarrow": by_pyarrow, "duckdb": by_duckdb, "polars": by_polars}
