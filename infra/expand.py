#!/usr/bin/env python3
"""Prints infra/template.yaml as plain CloudFormation JSON, the SAM transform done here instead of by AWS.

    infra/expand.py [--code-bucket BUCKET] [--code-prefix PREFIX] [--leave-out TYPE]... > template.json

Code is then expected at s3://BUCKET/PREFIX<function>.zip. For stand-ins that know no SAM, and for tests. --leave-out drops
resources of a type that a stand-in does not know and nothing refers to (MiniStack: AWS::Athena::NamedQuery). Needs
infra/requirements.txt; no network, no account.
"""

import argparse
import json
import os
import pathlib
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = pathlib.Path(__file__).resolve().parent / "template.yaml"


class NoManagedPolicies:
    """The template names no managed policy of SAM, so there is nothing to look up."""

    def load(self):
        return {}


def expand(code_bucket="code", code_prefix="", leave_out=()):
    """The template as a dictionary of plain CloudFormation."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")  # the transform asks for one; nothing in the result depends on it
    template = yaml_parse(TEMPLATE.read_text("utf-8"))
    resources = template["Resources"]
    for logical_id in [key for key, resource in resources.items() if resource["Type"] in leave_out]:
        del resources[logical_id]
    for resource in resources.values():
        if resource["Type"] == "AWS::Serverless::Function":
            name = resource["Properties"]["CodeUri"].rstrip("/").rpartition("/")[2]
            resource["Properties"]["CodeUri"] = {"Bucket": code_bucket, "Key": f"{code_prefix}{name}.zip"}
    return transform(template, {}, NoManagedPolicies())


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--code-bucket", default="code")
    arguments.add_argument("--code-prefix", default="")
    arguments.add_argument("--leave-out", action="append", default=[], metavar="TYPE")
    options = arguments.parse_args()
    json.dump(expand(options.code_bucket, options.code_prefix, options.leave_out), sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
