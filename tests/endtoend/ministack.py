"""The stand-in for AWS: one process on loopback, on a free port, with its state in memory, stopped by who started it."""

import os
import sys
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

from waiting import Process, free_port, until

REGION = "eu-west-1"
ACCOUNT = "000000000000"


class MiniStack:
    """MiniStack with Lambda functions as plain processes.

    `athena` is the address of the server that answers in Athena's place: functions inherit the environment of MiniStack, and
    AWS's clients take a service's own address before the general one.
    """

    def __init__(self, folder, athena=None, port=None):
        self.port = port or free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AUDITLAKE_"))}
        environment |= {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            # Addresses of queues are made from it.
            "MINISTACK_HOST": "127.0.0.1",
            "LAMBDA_EXECUTOR": "local",
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "S3_DATA_DIR": str(folder / "s3"),
            "STATE_DIR": str(folder / "state"),
            "TMPDIR": str(folder),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            # They would listen on ports of their own.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
        }
        if athena:
            environment["AWS_ENDPOINT_URL_ATHENA"] = athena
        self.process = Process("ministack", [sys.executable, "-m", "ministack"], folder / "ministack.log", environment, folder)
        until("ministack answers", self._answers, 60)

    def _answers(self):
        assert self.process.is_running(), self.process.said()
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def client(self, service, **options):
        """A client of one of its services."""
        settings = {"retries": {"max_attempts": 2}, "read_timeout": 330}
        if service == "s3":
            settings["s3"] = {"addressing_style": "path"}
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test",
            config=Config(**settings, **options),
        )

    def stop(self):
        self.process.stop()
