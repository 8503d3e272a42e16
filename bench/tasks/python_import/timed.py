"""Times imports in processes of their own."""

import subprocess
import sys
import time


def _ms(statement: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return (time.perf_counter() - began) * 1000


def beyond_pyarrow(package: str) -> float:
    return _ms(f"import {package}") - _ms("import pyarrow")
