"""The digests, checked by a second implementation that has only the files: SHA-256 of every object, the RFC 9162 Merkle root
over the rows' hashes, and the chain."""

import collections
import hashlib
import json

from canonical import check_objects


def test_every_object_is_in_one_digest_and_is_what_the_digest_says(lake):
    check_objects(lake.directory, lake.files)


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
