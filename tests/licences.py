"""Checks, offline, that every crate has a licence that deny.toml allows, comes from crates.io, and is used by the crate that asks for it.

`cargo deny check` and `cargo machete` say the same and more (advisories need a database from the network); both take minutes to build, so
they are run where they are installed: `just deny`.
"""

import functools
import json
import pathlib
import re
import subprocess
import sys
import tomllib

from license_expression import get_spdx_licensing

ROOT = pathlib.Path(__file__).resolve().parents[1]
LICENSING = get_spdx_licensing()


@functools.cache
def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """An SPDX expression holds if one of its alternatives consists of allowed licences only."""
    parsed = LICENSING.parse(expression.replace("/", " OR "), validate=True)
    known = {str(symbol): LICENSING.TRUE if str(symbol) in allowed else LICENSING.FALSE for symbol in LICENSING.license_symbols(parsed, decompose=False)}
    return bool(parsed.subs({LICENSING.parse(symbol): value for symbol, value in known.items()}).simplify() == LICENSING.TRUE)


def unused(package: dict) -> list[str]:
    """The dependencies that no source file of a package names."""
    folder = pathlib.Path(package["manifest_path"]).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.rs") if "target" not in path.parts)
    names = {(dependency["rename"] or dependency["name"]).replace("-", "_") for dependency in package["dependencies"]}
    return sorted(name for name in names if not re.search(rf"\b{name}(::|;| as\b)", text))


def main() -> int:
    allowed = frozenset(tomllib.loads((ROOT / "deny.toml").read_text(encoding="utf-8"))["licenses"]["allow"])
    metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--format-version", "1", "--locked"], cwd=ROOT))
    packages = [package for package in metadata["packages"] if package["source"]]
    wrong = [f"{package['name']} {package['version']} has a licence that deny.toml does not allow: {package['license']}"
             for package in packages if not package["license"] or not is_allowed(package["license"], allowed)]
    wrong += [f"{package['name']} is not from crates.io" for package in packages if "crates.io" not in package["source"]]
    wrong += [f"{package['name']} does not use {name}" for package in metadata["packages"] if not package["source"] for name in unused(package)]
    for line in wrong:
        print(line)
    print(f"licences and use of {len(packages)} crates looked at, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
