"""The page's judgement, by Node where there is one; the browser tests put the same table to Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.unit.plugin.judged import CASES, SCRIPT, Case

NODE = shutil.which("node")


@pytest.fixture(scope="module")
def judged() -> dict[str, Any]:
    """What the script thinks of every case, by what the case says."""
    if NODE is None:
        pytest.skip("there is no Node here; make test-browser puts the same table to Chromium")
    cases = ",\n".join(f"[{json.dumps(case.says)}, () => {case.program}]" for case in CASES)
    program = f"""
    const j = await import("data:text/javascript," + encodeURIComponent({json.dumps(SCRIPT.read_text())}));
    const thought = {{}};
    for (const [says, think] of [{cases}]) {{
      try {{ thought[says] = think() ?? null; }} catch (error) {{ thought[says] = String(error.stack); }}
    }}
    console.log(JSON.stringify(thought));
    """
    ran = subprocess.run(
        [NODE, "--input-type=module", "-"],
        input=program,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    thought: dict[str, Any] = json.loads(ran.stdout)
    return thought


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_page_thinks_that(judged: dict[str, Any], case: Case) -> None:
    assert judged[case.says] == case.gives
