"""Runs the suites of packages that are built on arrakis, on stock and on ours in its place.

dependents.py [PACKAGE...]: one line a package; status 1 if a test passes on stock only. Run
it with the interpreter of build/dependents, as scripts/dependents does.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ("sgn_arrakis", "igwn_connect", "arrakis_monitor")
LONGEST_S = 900
OURS = {"CARRYALL_AS_ARRAKIS": "1", "PYTHONPATH": str(ROOT / "build/release/python")}


def passed(package: str, environment: dict[str, str]) -> set[str]:
    """The tests of the package that pass."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.xml")
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", package,
             f"--junitxml={report}"],
            cwd=folder, env={**os.environ, **environment}, timeout=LONGEST_S,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if run.returncode not in (0, 1):  # 1: tests failed
            sys.exit(f"{package}: pytest ended with {run.returncode}\n{run.stdout[-4000:]}")
        cases = xml.etree.ElementTree.parse(report).iter("testcase")
        return {f"{case.get('classname')}::{case.get('name')}" for case in cases
                if not any(child.tag in ("failure", "error", "skipped") for child in case)}


def main() -> None:
    worse = False
    for package in sys.argv[1:] or PACKAGES:
        stock, ours = passed(package, {}), passed(package, OURS)
        lost = sorted(stock - ours)
        print(f"{package}: {len(stock)} pass on stock, {len(ours)} on ours", flush=True)
        for test in lost:
            print(f"  on stock only: {test}", flush=True)
        worse = worse or not stock or bool(lost)
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
