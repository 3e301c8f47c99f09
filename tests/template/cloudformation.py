"""The template as CloudFormation would see it: SAM expanded, intrinsic functions resolved as far as a reader needs.

A resource's ARN is `arn:<logical id>`, its name `<logical id>`, a pseudo parameter its own name, so that expectations read well:
the archive's events are `arn:ArchiveBucket/etl/v1/data/*`.
"""

import base64
import pathlib
import re
import sys

from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "infra"))

import expand  # noqa: E402

ABSENT = object()


class Template:
    def __init__(self, document, parameters):
        self.document = document
        self.parameters = {}
        for name, definition in document.get("Parameters", {}).items():
            value = parameters.get(name, definition.get("Default", f"<{name}>"))
            if definition["Type"] == "CommaDelimitedList":
                value = [part.strip() for part in str(value).split(",")]
            self.parameters[name] = value
        self.conditions = {}

    @classmethod
    def of_the_lake(cls, **parameters):
        return cls(expand.expand(), parameters)

    @classmethod
    def of_file(cls, name, **parameters):
        return cls(yaml_parse((ROOT / "infra" / name).read_text("utf-8")), parameters)

    def holds(self, condition):
        if condition not in self.conditions:
            self.conditions[condition] = self.resolve(self.document["Conditions"][condition])
        return self.conditions[condition]

    def reference(self, name):
        if name == "AWS::NoValue":
            return ABSENT
        return self.parameters.get(name, name)

    def substitute(self, text, variables):
        def replacement(match):
            name = match.group(1)
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in variables:
                return str(self.resolve(variables[name]))
            logical_id, _, attribute = name.partition(".")
            return str(self.attribute(logical_id, attribute) if attribute else self.reference(name))

        return re.sub(r"\$\{([^}]+)\}", replacement, text)

    @staticmethod
    def attribute(logical_id, attribute):
        return f"arn:{logical_id}" if attribute == "Arn" else logical_id

    def resolve(self, value):
        if isinstance(value, list):
            resolved = [self.resolve(item) for item in value]
            return [item for item in resolved if item is not ABSENT]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self.reference(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.holds(argument)
            if name.startswith("Fn::"):
                return self.call(name[4:], argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not ABSENT}

    def call(self, function, argument):
        if function == "GetAtt":
            parts = argument.split(".") if isinstance(argument, str) else argument
            return self.attribute(parts[0], ".".join(parts[1:]))
        if function == "If":
            return self.resolve(argument[1] if self.holds(argument[0]) else argument[2])
        if function == "Sub":
            text, variables = (argument, {}) if isinstance(argument, str) else argument
            return self.substitute(text, variables)
        argument = self.resolve(argument)
        match function:
            case "Not":
                return not argument[0]
            case "And":
                return all(argument)
            case "Equals":
                return str(argument[0]) == str(argument[1])
            case "Join":
                return argument[0].join(argument[1])
            case "Split":
                return argument[1].split(argument[0])
            case "Select":
                return argument[1][int(argument[0])]
            case "Base64":
                return base64.b64encode(argument.encode()).decode()
        raise ValueError(f"Fn::{function} is not known to this reader")

    def resources(self, kind=None):
        """Logical id and resolved resource of every resource that is made, of one type."""
        for logical_id, resource in self.document["Resources"].items():
            if kind is not None and resource["Type"] != kind:
                continue
            if "Condition" in resource and not self.holds(resource["Condition"]):
                continue
            yield logical_id, self.resolve({key: value for key, value in resource.items() if key != "Condition"})

    def properties(self, logical_id):
        return self.resolve(self.document["Resources"][logical_id])["Properties"]

    def statements(self, role):
        """Every statement of a role's policies, actions and resources as lists."""
        for policy in self.properties(role)["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield statement | {"Action": listed(statement["Action"]), "Resource": listed(statement["Resource"])}

    def bucket_policy(self, bucket):
        """The statements of a bucket's policy by their Sid."""
        for _, resource in self.resources("AWS::S3::BucketPolicy"):
            if resource["Properties"]["Bucket"] == bucket:
                statements = resource["Properties"]["PolicyDocument"]["Statement"]
                return {statement["Sid"]: statement | {"Action": listed(statement["Action"])} for statement in statements}
        raise KeyError(bucket)


def listed(value):
    return value if isinstance(value, list) else [value]
