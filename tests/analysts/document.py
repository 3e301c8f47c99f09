"""The examples of docs/analysts.md and docs/processing.md: what is run is what is written there."""

import pathlib
import re

DOCUMENTS = pathlib.Path(__file__).resolve().parents[2] / "docs"
BUCKET = "s3://my-archive/"
BLOCK = re.compile(r"^```(?:sql|python) (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(tool, archive=BUCKET, document="analysts.md"):
    """The code blocks of a tool in their order, with the bucket of the examples replaced."""
    found = [code.replace(BUCKET, archive) for name, code in BLOCK.findall((DOCUMENTS / document).read_text("utf-8")) if name == tool]
    assert found, f"docs/{document} has no example for {tool}"
    return found
