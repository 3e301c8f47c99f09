# Recipes for contributors; times are on 2 cores with dependencies already built.

# List the recipes.
default:
    @just --list

# Format and lints (2 min).
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Licences, sources and advisories of all dependencies, and unused ones. Installs both tools (10 min, once).
deny:
    cargo install --locked cargo-deny cargo-machete
    cargo deny check
    cargo machete

# One crate's tests: just test auditlake-lake (under 2 min).
test CRATE:
    cargo test --locked -p {{CRATE}}

# Build and test the console (6 min).
console:
    cargo build --locked
    AUDITLAKE_BINARY=$PWD/target/debug/auditlake console/check

# Build the functions, deploy them to the stand-in for AWS and test from end to end (25 min).
e2e:
    tests/endtoend/run

# Build the benchmarks; docs/performance.md says how each table is made (4 min).
bench:
    cargo build --release --locked -p auditlake-benches

# Everything that continuous integration runs (35 to 45 min).
all:
    bash tests/run
