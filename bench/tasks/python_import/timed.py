"""Times imports in processes of their own."""

import statistics
import subprocess
import sys
import time

PAIRS = 3


def _ms(statement: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return (time.perf_counter() - began) * 1000


def beyond_pyarrow(package: str) -> float:
    statement = f"import {package}"
    _ms(statement)  # reads the files
    return statistics.median(_ms(statement) - _ms("import pyarrow") for _ in range(PAIRS))
