"""Checks, offline, that every crate the workspace links has a licence we may ship under.

Advisories need a database from the network and are checked where there is one (`cargo deny check advisories`).
"""

import json
import re
import subprocess
import sys

ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "NCSA", "OpenSSL", "Unicode-3.0", "Unlicense", "Zlib", "bzip2-1.0.6",
}


def is_allowed(expression: str) -> bool:
    """An SPDX expression holds if one alternative consists of allowed licences only."""
    text = expression.replace("/", " OR ").replace("(", " ( ").replace(")", " ) ")
    text = re.sub(r"\s+", " ", text)
    tokens = re.findall(r"\(|\)|\bAND\b|\bOR\b|[A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.+-]+)?", text)
    python = " ".join({"AND": "and", "OR": "or", "(": "(", ")": ")"}.get(token, str(token in ALLOWED)) for token in tokens)
    return bool(eval(python, {"__builtins__": {}}))


def main() -> int:
    metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--format-version", "1", "--locked"]))
    packages = [package for package in metadata["packages"] if package["source"]]
    refused = [f"{package['name']} {package['version']}: {package['license']}" for package in packages
               if not package["license"] or not is_allowed(package["license"])]
    foreign = [package["name"] for package in packages if "crates.io" not in package["source"]]
    for line in refused:
        print(f"licence not allowed: {line}")
    for name in foreign:
        print(f"not from crates.io: {name}")
    print(f"licences of {len(packages)} crates looked at, {len(refused)} refused")
    return 1 if refused or foreign else 0


if __name__ == "__main__":
    sys.exit(main())
