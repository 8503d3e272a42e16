"""Runs one contender of one task: reads commands on stdin, answers on stdout (JSON lines).

A contender module offers `prepare(case) -> answer` (sets the case up and returns what it
computes, for comparison), `measure() -> float` (one timed run, in the case's unit) and
`release()` (ends what prepare started); and where something stays from case to case `end()`,
which ends it.
"""

import contextlib
import importlib
import json
import os
import sys
import traceback


@contextlib.contextmanager
def on_core(core: int | None):
    """This thread and what it starts stay on that core meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if core is None else {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def main() -> None:
    task, contender = sys.argv[1:3]
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not end up among the answers
    try:
        module = importlib.import_module(f"tasks.{task}.{contender}")
        out.write(json.dumps({"ready": True}) + "\n")
    except Exception:
        out.write(json.dumps({"error": traceback.format_exc()}) + "\n")
        return
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if command["do"] == "prepare":
                reply = {"answer": module.prepare(command["case"])}
            elif command["do"] == "measure":
                with on_core(command["core"]):
                    reply = {"value": module.measure()}
            else:
                module.release()
                reply = {"released": True}
        except Exception:
            reply = {"error": traceback.format_exc()}
        out.write(json.dumps(reply) + "\n")
    if hasattr(module, "end"):
        module.end()


if __name__ == "__main__":
    main()
