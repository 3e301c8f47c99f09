"""infra/lake: what it would do, without an account."""

import shlex
import shutil
import subprocess

import pytest
from cloudformation import ROOT


@pytest.fixture
def checkout(tmp_path):
    """A copy with nothing but infra/, and functions that were built for x86_64."""
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    (tmp_path / "target/lambda").mkdir(parents=True)
    (tmp_path / "target/lambda/architecture").write_text("x86_64\n")
    return tmp_path


def run(checkout, *arguments):
    return subprocess.run([checkout / "infra/lake", *arguments], capture_output=True, text=True, cwd="/")


def test_help_names_every_command(checkout):
    done = run(checkout, "--help")
    assert done.returncode == 0
    for command in ("build", "validate", "package", "deploy", "outputs", "destroy"):
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize(("arguments", "complaint"), [
    (("ruin",), "unknown command ruin"), (("deploy", "--force"), "unknown option --force"), (("deploy", "--bucket"), "--bucket needs a value"),
    (("destroy",), "the tools are missing"), (("package", "--bucket", "b"), "the tools are missing"),
])
def test_what_it_does_not_know_it_refuses(checkout, arguments, complaint):
    done = run(checkout, *arguments)
    assert done.returncode == 1 and complaint in done.stderr


def test_destroy_must_be_meant(checkout):
    tool = checkout / "target/infra-python/bin/sam"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\necho called >&2\n")
    tool.chmod(0o755)
    done = run(checkout, "destroy", "--stack", "lake")
    assert done.returncode == 1 and "say --yes" in done.stderr and "called" not in done.stderr


def test_deploy_passes_parameters_on_unharmed(checkout):
    (checkout / "parameters").write_text('# ours\nJwtIssuer=https://login.acme.example/\n\nImportRules=[{"bucket":"b","source":"aws.cloudtrail"}]\n')
    done = run(checkout, "deploy", "--dry-run", "--bucket", "code", "--stack", "lake", "--parameters", checkout / "parameters",
               "CompactRate=rate(1 minute)")
    assert done.returncode == 0, done.stderr
    words = shlex.split(done.stdout)
    assert words[1] == "deploy" and words[words.index("--stack-name") + 1] == "lake"
    assert words[words.index("--parameter-overrides") + 1 :] == [
        'JwtIssuer="https://login.acme.example/"', r'ImportRules="[{\"bucket\":\"b\",\"source\":\"aws.cloudtrail\"}]"',
        'CompactRate="rate(1 minute)"', 'Architecture="x86_64"']


def test_deploy_wants_something_built(checkout):
    (checkout / "target/lambda/architecture").unlink()
    done = run(checkout, "deploy", "--dry-run", "--bucket", "code")
    assert done.returncode == 1 and "infra/lake build" in done.stderr
