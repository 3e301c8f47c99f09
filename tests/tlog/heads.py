"""Checks the heads tree that crates/tlog/examples/write_log.rs wrote, from the definition in crates/tlog/src/heads/mod.rs alone.

    heads.py FOLDER
"""

import base64
import hashlib
import pathlib
import sys


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def bit(label: bytes, position: int) -> int:
    return label[position // 8] >> (7 - position % 8) & 1


def leaf(label: bytes, value: bytes) -> bytes:
    return sha256(b"\0" + len(label).to_bytes(4, "big") + label + len(value).to_bytes(4, "big") + value)


def root(leaves: dict[bytes, bytes]) -> bytes:
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaf(*next(iter(leaves.items())))
    position = next(position for position in range(256) if len({bit(label, position) for label in leaves}) == 2)
    left, right = (root({label: value for label, value in leaves.items() if bit(label, position) == side}) for side in (0, 1))
    return sha256(b"\1" + bytes([position]) + left + right)


def root_of_path(label: bytes, value: bytes, path: str) -> bytes:
    found, last = leaf(label, value), 256
    for line in path.splitlines():
        position, sibling = line.split(" ")
        position, sibling = int(position), base64.b64decode(sibling, validate=True)
        assert position < last, "the bits do not fall"
        last = position
        left, right = (sibling, found) if bit(label, position) else (found, sibling)
        found = sha256(b"\1" + bytes([position]) + left + right)
    return found


def main() -> int:
    folder = pathlib.Path(sys.argv[1]) / "heads"
    stated = bytes.fromhex((folder / "root").read_text().strip())
    leaves = {}
    for line in (folder / "values").read_text().splitlines():
        name, label, value = line.split(" ")
        label, value = bytes.fromhex(label), bytes.fromhex(value)
        if name == "nonce":
            nonce = value
            assert label == sha256(b"auditlake/nonce/v1\n")
        else:
            number = int(name.removeprefix("org-"))
            assert label == sha256(b"auditlake/org/v1\n" + name.encode())
            head = (number * number).to_bytes(8, "big") + sha256(name.encode())
            blind = sha256(b"auditlake/blind/v1\n" + nonce + label) if number % 2 else b""
            assert value == head + blind, name
        assert root_of_path(label, value, (folder / f"{name}.path").read_text()) == stated, name
        leaves[label] = value
    assert root(leaves) == stated
    print(f"verified: {len(leaves)} heads")
    return 0


if __name__ == "__main__":
    sys.exit(main())
