"""The decode tasks: the C++ program of a task times itself, in one case at a time."""

import json
import subprocess

from harness import inputs, serving


class Decode:
    """A contender of `bench_<task>`, which compares its samples with Arrow's before timing."""

    def __init__(self, task: str, contender: str) -> None:
        self.program = [str(serving.BINARY.parent / "bench" / f"bench_{task}"), "--only",
                        contender, "--repeat", "1", "--case"]

    def prepare(self, case: dict) -> None:
        self.case = case["case"]

    def measure(self) -> float:
        done = subprocess.run([*self.program, self.case], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return next(row["value"] for row in rows if row["case"] == self.case)

    def release(self) -> None:
        pass


def cases(floor) -> list[dict]:
    """Floors are microseconds a message: `floor(channels)`."""
    return [{"case": f"{shape}/nulls={nulls}", "unit": "us",
             "floor": {"ours": floor(channels)}}
            for shape, (channels, _) in inputs.SHAPES.items() for nulls in ("0", "0.01", "0.5")]
