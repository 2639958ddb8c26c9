"""An XCom backend that is down in a process that asks for it; else Airflow's own."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk.bases.xcom import BaseXCom


class FailingXCom(BaseXCom):
    """Set as ``[core] xcom_backend``."""

    @staticmethod
    def serialize_value(value: Any, **where: Any) -> str:
        if os.environ.get("CRASH_XCOM_DOWN"):
            raise ConnectionError("the XCom backend is down")
        return BaseXCom.serialize_value(value, **where)
