"""The digests, checked by a second implementation that has only the files: SHA-256 of every object, the RFC 9162 Merkle root
over the rows' hashes, and the chain."""

import collections
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


def test_every_object_is_in_one_digest_and_is_what_the_digest_says(lake):
    listed = {}
    for path in sorted((lake.directory / "digests").rglob("*.json")):
        digest = json.loads(path.read_bytes())
        assert digest["rows"] == sum(entry["rows"] for entry in digest["objects"])
        for entry in digest["objects"]:
            assert entry["key"] not in listed
            listed[entry["key"]] = (digest, entry)
    assert set(listed) == {path.relative_to(lake.directory).as_posix() for path in lake.files}
    for key, (digest, entry) in listed.items():
        stored = (lake.directory / key).read_bytes()
        assert (len(stored), hashlib.sha256(stored).hexdigest()) == (entry["bytes"], entry["sha256"])
        table = pyarrow.parquet.read_table(pa.BufferReader(stored), columns=NAMES, partitioning=None)
        assert table.num_rows == entry["rows"]
        region = key.split("region=")[1].split("/")[0]
        rows = ({**row, "region": region, "organization": digest["organization"]} for row in table.to_pylist())
        assert merkle_root([event_hash(row) for row in rows]).hex() == entry["merkle_root"], key


def test_the_digests_of_an_organization_are_a_chain(lake):
    chains = collections.defaultdict(list)
    for path in (lake.directory / "digests").rglob("*.json"):
        stored = path.read_bytes()
        digest = json.loads(stored)
        chains[digest["organization"]].append((digest["seal_time"], digest["previous"], hashlib.sha256(stored).hexdigest()))
    assert chains
    for chain in chains.values():
        chain.sort()
        previous = None
        for seal_time, named, own_hash in chain:
            assert named == previous
            previous = {"seal_time": seal_time, "sha256": own_hash}
