"""A bucket on a real S3 server of its own, for what a patched client would not show."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.system.processes import BackgroundProcess, stop
from tests.system.settings import clean_environment, free_ports


class Bucket:
    """
    One empty bucket, in a ``with``.

    :ivar connection: the Airflow connection ``aws`` to it
    """

    NAME = "handbooks"

    def __init__(self, start_timeout: float = 60.0) -> None:
        (port,) = free_ports(1)
        self._url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self._start_timeout = start_timeout
        self._scratch = tempfile.TemporaryDirectory(prefix="bucket-")
        self.connection: dict[str, Any] = {
            "conn_type": "aws",
            "login": "not-a-real-key",
            "password": "not-a-real-secret",
            "extra": json.dumps({"endpoint_url": self._url, "region_name": "us-east-1"}),
        }

    def __enter__(self) -> Self:
        import boto3  # type: ignore[import-untyped]

        home = Path(self._scratch.name)
        self._process = BackgroundProcess.start(
            "s3", self._command, env=clean_environment(), cwd=home, output=home / "s3.log"
        )
        self._client = boto3.client(
            "s3",
            endpoint_url=self._url,
            region_name="us-east-1",
            aws_access_key_id=self.connection["login"],
            aws_secret_access_key=self.connection["password"],
        )
        try:
            self._create()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def put(self, key: str, text: str) -> None:
        """Store an object."""
        self._client.put_object(Bucket=self.NAME, Key=key, Body=text.encode())

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._client.delete_object(Bucket=self.NAME, Key=key)

    def clear(self) -> None:
        """Remove everything."""
        while found := self._client.list_objects_v2(Bucket=self.NAME).get("Contents"):
            keys = [{"Key": each["Key"]} for each in found]
            self._client.delete_objects(Bucket=self.NAME, Delete={"Objects": keys})

    def _create(self) -> None:
        from botocore.exceptions import EndpointConnectionError  # type: ignore[import-untyped]

        deadline = time.monotonic() + self._start_timeout
        while True:
            try:
                self._client.create_bucket(Bucket=self.NAME)
                return
            except EndpointConnectionError:
                if self._process.returncode is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the S3 server did not start:\n{self._process.tail()}") from None
                time.sleep(0.1)

    def _stop(self) -> None:
        self._client.close()
        stop([self._process], grace=2.0)
        self._scratch.cleanup()
