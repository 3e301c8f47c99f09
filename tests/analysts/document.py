"""The examples of docs/analysts.md: what is run is what is written there."""

import pathlib
import re

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/analysts.md"
BUCKET = "s3://my-archive/"
BLOCK = re.compile(r"^```(?:sql|python) (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(tool, archive=BUCKET):
    """The code blocks of a tool in their order, with the bucket of the examples replaced."""
    found = [code.replace(BUCKET, archive) for name, code in BLOCK.findall(DOCUMENT.read_text("utf-8")) if name == tool]
    assert found, f"docs/analysts.md has no example for {tool}"
    return found
