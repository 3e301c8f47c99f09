"""The hash of an event, the Merkle root over hashes and what a digest says, by a second implementation (docs/archive-layout.md)."""

import hashlib
import json
from datetime import timezone

import pyarrow as pa
import pyarrow.parquet
from readers import NAMES

NOT_CANONICAL = {"received_time", "seal_time"}


def event_hash(row):
    """SHA-256 of the RFC 8785 form of the non-null columns. All names are ASCII and all numbers integers, so sorting by
    name and Python's plain numbers are what that RFC asks for; Python escapes other control characters as `\\u00xx` too."""
    canonical = {}
    for name, value in row.items():
        if value is None or name in NOT_CANONICAL:
            continue
        if name == "event_time":
            value = value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
        canonical[name] = value
    text = json.dumps(canonical, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def merkle_root(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + merkle_root(leaves[:split]) + merkle_root(leaves[split:])).digest()


def check_objects(directory, files):
    """Every archive object is in one digest, and its bytes, rows and Merkle root are what the digest says."""
    listed = {}
    for path in sorted((directory / "digests").rglob("*.json")):
        digest = json.loads(path.read_bytes())
        assert digest["rows"] == sum(entry["rows"] for entry in digest["objects"])
        for entry in digest["objects"]:
            assert entry["key"] not in listed
            listed[entry["key"]] = (digest, entry)
    assert set(listed) == {path.relative_to(directory).as_posix() for path in files}
    for key, (digest, entry) in listed.items():
        stored = (directory / key).read_bytes()
        assert (len(stored), hashlib.sha256(stored).hexdigest()) == (entry["bytes"], entry["sha256"])
        table = pyarrow.parquet.read_table(pa.BufferReader(stored), columns=NAMES, partitioning=None)
        assert table.num_rows == entry["rows"]
        region = key.split("region=")[1].split("/")[0]
        rows = ({**row, "region": region, "organization": digest["organization"]} for row in table.to_pylist())
        assert merkle_root([event_hash(row) for row in rows]).hex() == entry["merkle_root"], key
