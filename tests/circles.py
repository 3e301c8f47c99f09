"""Finds files of a crate that import each other in circles.

A file imports another if it names something of it: by `use`, or by a path that begins with `crate::`, `super::` or `self::`. What a file
re-exports (`pub use`) is followed to where it is defined. Tests inside files do not count.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Crates that still have circles. Take a crate off the list once it has none; never add one.
OPEN: set[str] = set()
NAME = r"[A-Za-z_][A-Za-z0-9_]*"


def code_of(path: pathlib.Path) -> str:
    """The text of a file without comments, texts and the module of tests."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r'r(#*)".*?"\1', '""', text, flags=re.S)
    text = re.sub(r'"(?:\\.|[^"\\])*"', '""', text, flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    return re.split(r"#\[cfg\((?:all\()?test\b[^\n]*\]\s*(?:pub\(crate\) )?mod \w+ \{", text)[0]


def module_of(path: pathlib.Path, source: pathlib.Path) -> tuple[str, ...]:
    parts = path.relative_to(source).with_suffix("").parts
    if parts in (("lib",), ("main",)):
        return ()
    return parts[:-1] if parts[-1] == "mod" else parts


def paths(tree: str, prefix: tuple[str, ...] = ()):
    """The paths of a `use` tree, a list of names each; `*` at the end of a glob, and the name it is called by."""
    depth, start, items = 0, 0, []
    for index, letter in enumerate(tree + ","):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            items.append(tree[start:index].strip())
            start = index + 1
    for item in filter(None, items):
        group = re.fullmatch(r"(.*?)::\s*\{(.*)\}", item, flags=re.S)
        if group:
            yield from paths(group[2], prefix + tuple(part.strip() for part in group[1].split("::")))
        elif item.startswith("{"):
            yield from paths(item[1:-1], prefix)
        else:
            path, _, alias = item.partition(" as ")
            names = prefix + tuple(part.strip() for part in path.split("::"))
            yield names, alias.strip() or names[-1]


class Crate:
    def __init__(self, source: pathlib.Path):
        self.files = {module_of(path, source): path for path in sorted(source.rglob("*.rs"))}
        self.code = {module: code_of(path) for module, path in self.files.items()}
        self.exports = {module: {} for module in self.files}
        for module, code in self.code.items():
            for use in re.finditer(r"\bpub(?:\([^)]*\))? use ([^;]+);", code):
                for path, alias in paths(use[1]):
                    self.exports[module][alias] = path

    def absolute(self, path: tuple[str, ...], module: tuple[str, ...]):
        """A path from the crate's root, if it stays in the crate."""
        if path[0] == "crate":
            return path[1:]
        here = module
        while path and path[0] in ("super", "self"):
            here, path = (here[:-1], path[1:]) if path[0] == "super" else (here, path[1:])
        if here == module and path and module + path[:1] not in self.files:
            return None if not path or path[0][0].islower() else module + path
        return here + path

    def file_of(self, path: tuple[str, ...], module: tuple[str, ...], seen=()):
        """The module of the file that defines what a path names."""
        absolute = self.absolute(path, module)
        if absolute is None or absolute in seen:
            return None
        length = max(length for length in range(len(absolute) + 1) if absolute[:length] in self.files)
        found, rest = absolute[:length], absolute[length:]
        if rest and rest[0] in self.exports[found]:
            return self.file_of(self.exports[found][rest[0]] + rest[1:], found, seen + (absolute,))
        return found

    def imports(self, module: tuple[str, ...]) -> set:
        code = self.code[module]
        found = set()
        for use in re.finditer(r"(?<!pub )(?<!\) )\buse ([^;]+);", code):
            found |= {self.file_of(path, module) for path, _ in paths(use[1])}
        rest = re.sub(r"\b(?:pub(?:\([^)]*\))? )?use [^;]+;", "", code)
        for path in re.findall(rf"\b((?:crate|super|self)(?:::{NAME})+)", rest):
            found.add(self.file_of(tuple(path.split("::")), module))
        children = [name for *_, name in (m for m in self.files if m[:-1] == module and m)]
        for child in children:
            for path in re.findall(rf"(?<![:\w])({child}(?:::{NAME})+)", rest):
                found.add(self.file_of(("self", *path.split("::")), module))
        return found - {None, module}

    def circles(self):
        graph = {module: self.imports(module) for module in self.files}
        index, low, stack, on, found, counter = {}, {}, [], set(), [], [0]

        def visit(node):
            index[node] = low[node] = counter[0]
            counter[0] += 1
            stack.append(node)
            on.add(node)
            for target in sorted(graph[node]):
                if target not in index:
                    visit(target)
                    low[node] = min(low[node], low[target])
                elif target in on:
                    low[node] = min(low[node], index[target])
            if low[node] == index[node]:
                group = set()
                while True:
                    last = stack.pop()
                    on.discard(last)
                    group.add(last)
                    if last == node:
                        break
                if len(group) > 1:
                    found.append((group, {m: graph[m] & group for m in group}))

        sys.setrecursionlimit(10_000)
        for module in sorted(graph):
            if module not in index:
                visit(module)
        return found


def main() -> int:
    count = known = 0
    for source in sorted([*ROOT.glob("crates/*/src"), ROOT / "cli/src"]):
        circles = Crate(source).circles()
        if str(source.relative_to(ROOT)) in OPEN:
            known += len(circles)
            if not circles and "--all" not in sys.argv:
                count += 1
                print(f"{source.relative_to(ROOT)} has no circles any more: take it off the list in {pathlib.Path(__file__).name}")
            if "--all" not in sys.argv:
                continue
        for group, edges in circles:
            count += 1
            print(f"{source.relative_to(ROOT)}: {len(group)} files import each other:")
            for module, targets in sorted(edges.items()):
                print(f"    {'/'.join(module) or 'lib'} -> {', '.join('/'.join(t) or 'lib' for t in sorted(targets))}")
    print(f"{count} circles between files in crates that must have none, {known} in others (--all shows them)")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
