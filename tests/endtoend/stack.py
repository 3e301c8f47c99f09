"""Deploys infra/template.yaml to the stand-in: the SAM transform done locally, the functions' zips in a bucket, CloudFormation."""

import importlib.util
import io
import json
import os
import pathlib
import re
import zipfile

from waiting import until

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
FUNCTIONS = ["ingest", "land", "import", "compact", "query"]
CODE_BUCKET = "code"
# What the stand-in has no resources for. Nothing that runs depends on them; the tests run the named queries themselves.
NOT_IN_THE_STAND_IN = {"AWS::Athena::NamedQuery"}

def expanded(code_bucket):
    """The template as plain CloudFormation, made by the project's own infra/expand.py."""
    specification = importlib.util.spec_from_file_location("infra_expand", REPOSITORY / "infra/expand.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.expand(code_bucket)


def functions_folder():
    """Where the release binaries are: <folder>/<function>/bootstrap, as `infra/lake build` puts them, or <folder>/<function>."""
    return pathlib.Path(os.environ.get("AUDITLAKE_FUNCTIONS_DIR", REPOSITORY / "target/lambda")).resolve()


def bootstrap_of(function):
    """The release binary of a function."""
    folder = functions_folder()
    bootstrap = folder / function / "bootstrap"
    return bootstrap if bootstrap.is_file() else folder / function


def missing_functions():
    return [name for name in FUNCTIONS if not bootstrap_of(name).is_file()]


def zipped(binary):
    """A function's zip, as `infra/lake` makes it: one executable."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, binary.read_bytes())
    return out.getvalue()


class Stack:
    """The deployed lake."""

    def __init__(self, ministack, name, parameters):
        self.ministack, self.name, self.parameters = ministack, name, dict(parameters)
        self.s3 = ministack.client("s3")
        self.cloudformation = ministack.client("cloudformation")
        self.s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        for function in FUNCTIONS:
            self.s3.put_object(Bucket=CODE_BUCKET, Key=f"{function}.zip", Body=zipped(bootstrap_of(function)))
        self.whole_template = expanded(CODE_BUCKET)
        resources = self.whole_template["Resources"]
        kept = {name: resource for name, resource in resources.items() if resource["Type"] not in NOT_IN_THE_STAND_IN}
        self.template = self.whole_template | {"Resources": kept}
        # A template of more than 51,200 bytes comes from a bucket.
        self.publish()
        self.cloudformation.create_stack(**self.call())
        self.wait("CREATE_COMPLETE")

    def publish(self):
        self.s3.put_object(Bucket=CODE_BUCKET, Key="template.json", Body=json.dumps(self.template).encode())

    def call(self):
        return {
            "StackName": self.name,
            "TemplateURL": f"{self.ministack.endpoint}/{CODE_BUCKET}/template.json",
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()],
        }

    def update(self, **parameters):
        """Updates the stack with other parameters."""
        self.parameters |= parameters
        self.publish()
        self.cloudformation.update_stack(**self.call())
        self.wait("UPDATE_COMPLETE")

    def description(self):
        return self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]

    def wait(self, wanted):
        def settled():
            status = self.description()["StackStatus"]
            return status if not status.endswith("IN_PROGRESS") else None

        status = until(f"the stack is {wanted}", settled, 120)
        if status != wanted:
            events = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
            reasons = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in events if "FAILED" in event["ResourceStatus"]]
            raise AssertionError(f"the stack is {status}: {reasons or self.description().get('StackStatusReason')}")
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in self.description()["Outputs"]}

    def physical(self, logical):
        """The name that a resource got."""
        detail = self.cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical)
        return detail["StackResourceDetail"]["PhysicalResourceId"]

    def environment(self, function):
        """What a deployed function has in its environment."""
        configuration = self.ministack.client("lambda").get_function_configuration(FunctionName=f"{self.name}-{function}")
        return configuration.get("Environment", {}).get("Variables", {})


def unresolved(text):
    """What CloudFormation left of `${…}` in a value; Glue's own placeholders are not meant."""
    return [name for name in re.findall(r"\$\{([A-Z][A-Za-z:.]+)\}", text)]
