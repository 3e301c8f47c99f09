"""Holds the table of crates in docs/architecture.md against the manifests: a crate imports what its row allows, nothing else.

Development dependencies do not count. Rows without a crate (`console`, `infra`, …) are passed over.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PREFIX = "auditlake-"


def rows(page: str) -> dict[str, str]:
    """The last cell of each row of the table under "The crates", by the path in its first cell."""
    section = page.split("## The crates", 1)[1].split("\n## ", 1)[0]
    cells = (re.split(r"\s*\|\s*", line.strip().strip("|").strip()) for line in section.splitlines() if line.startswith("| `"))
    return {row[0].strip("`"): row[-1] for row in cells}


def allowed(cell: str, crates: set[str]) -> set[str]:
    """The crates that a cell names."""
    if cell.startswith("all of the above but "):
        raise ValueError(f"name the crates instead of {cell!r}")
    return crates if cell == "all" else set(re.findall(r"[a-z]+", cell)) & crates


def main() -> int:
    metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"], cwd=ROOT))
    table = rows((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    crates = {package["name"].removeprefix(PREFIX) for package in metadata["packages"]}
    wrong = []
    for package in metadata["packages"]:
        path = str(pathlib.Path(package["manifest_path"]).parent.relative_to(ROOT))
        row = "functions/*" if path.startswith("functions/") else path
        if row not in table:
            wrong.append(f"{path} has no row in the table")
            continue
        imports = {d["name"].removeprefix(PREFIX) for d in package["dependencies"] if d["kind"] is None and d["name"].startswith(PREFIX)}
        may = allowed(table[row], crates)
        wrong += [f"{path} imports {name}, which its row does not allow" for name in sorted(imports - may)]
        if table[row] != "all":
            wrong += [f"{path} does not import {name}, which its row names" for name in sorted(may - imports)]
    for line in wrong:
        print(f"docs/architecture.md: {line}")
    print(f"imports of {len(metadata['packages'])} crates looked at, {len(wrong)} differ from docs/architecture.md")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
