"""
What is published, looked at as an index and a user would; ``python -m tests.release`` fails if anything is amiss.

Builds the source distribution and the wheel twice and compares them byte by byte, checks the metadata, looks at what
the wheel holds, and writes a bill of materials of the locked versions.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"

#: What a wheel of ours may hold, beside its own metadata.
OURS = "airflow_provider/"

#: What users look for in it.
NEEDED = (
    "airflow_provider/py.typed",
    "airflow_provider/example_dags/retrain_agent.py",
    "airflow_provider/plugin/page.js",
)


def main() -> int:
    """Run all checks; the exit code says whether they passed."""
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        one, other = build(Path(folder) / "one"), build(Path(folder) / "other")
        for name in sorted(one.keys() | other.keys()):
            same = one.get(name) == other.get(name)
            print(f"{'reproducible' if same else 'DIFFERS     '}  {name}")
            if not same:
                problems.append(f"{name} differs between two builds of the same tree")
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(Path(folder) / "one", DIST)
    problems += metadata()
    problems += contents()
    bill_of_materials()
    for problem in problems:
        print(f"WRONG  {problem}")
    print("release check:", "failed" if problems else "passed")
    return bool(problems)


def build(target: Path) -> dict[str, str]:
    """Build both distributions; return their hashes by name."""
    epoch = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in target.iterdir()}


def metadata() -> list[str]:
    """Let the index's own checker read the metadata and the README."""
    files = [str(path) for path in DIST.iterdir()]
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True
    )
    print(done.stdout.strip())
    return [] if done.returncode == 0 else [done.stderr.strip() or "the metadata check failed"]


def contents() -> list[str]:
    """Look into the wheel."""
    (wheel,) = DIST.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    strange = [name for name in names if not name.startswith(OURS) and ".dist-info/" not in name]
    missing = [name for name in NEEDED if name not in names]
    print(f"{len(names)} files in {wheel.name}")
    return [f"the wheel holds {name}" for name in strange] + [f"the wheel lacks {name}" for name in missing]


def bill_of_materials() -> None:
    """Write what the locked environment is made of, as CycloneDX."""
    target = DIST / "sbom.cdx.json"
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "requirements",
        "requirements.lock",
        "--of",
        "JSON",
        "-o",
    ]
    subprocess.run([*command, str(target)], cwd=ROOT, check=True, capture_output=True)
    print(f"wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
