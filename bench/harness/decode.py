"""The decode tasks: the C++ program of a task times itself, in one case at a time."""

import json
import subprocess

from harness import inputs, serving


class Decode:
    """One case of `bench_<task>`, which compares its samples with Arrow's before timing."""

    def __init__(self, task: str, contender: str, case: dict) -> None:
        self.command = [str(serving.BINARY.parent / "bench" / f"bench_{task}"), "--case",
                        case["case"], "--only", contender, "--repeat", "1"]
        self.case = case["case"]

    def measure(self) -> float:
        done = subprocess.run(self.command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return next(row["value"] for row in rows if row["case"] == self.case)


def cases(floor) -> list[dict]:
    """Floors are microseconds a message: `floor(channels)`."""
    return [{"case": f"{shape}/nulls={nulls}", "unit": "us",
             "floor": {"ours": floor(channels)}}
            for shape, (channels, _) in inputs.SHAPES.items() for nulls in ("0", "0.01", "0.5")]
