"""Runs benchmark tasks: every contender in a process of its own, answers compared first,
runs interleaved, medians taken, the table printed and build/bench/results.json written."""

import argparse
import importlib
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
OUT = ROOT / "build" / "bench"
CONTENDERS = ("seed", "stock", "ours", "limit")
LOWER_IS_BETTER = ("us", "ms", "s", "x")
ROUNDS = 5


class ContenderFailed(Exception):
    """A contender that could not run or whose answer differs."""


class Worker:
    """A contender's process."""

    def __init__(self, task: str, contender: str, log) -> None:
        self.name = f"{task}/{contender}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.worker", task, contender],
            cwd=BENCH, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.reply()

    def reply(self) -> dict:
        line = self.process.stdout.readline()
        reply = json.loads(line) if line else {"error": "the process ended"}
        if "error" in reply:
            raise ContenderFailed(f"{self.name}: {reply['error']}")
        return reply

    def tell(self, do: str, **more) -> None:
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()

    def ask(self, do: str, **more) -> dict:
        self.tell(do, **more)
        return self.reply()

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def ratio(unit: str, ours: float | None, other: float | None) -> float | None:
    """How many times better ours is: above 1 is better, whatever the unit."""
    if not ours or not other:
        return None
    return other / ours if unit in LOWER_IS_BETTER else ours / other


def close_enough(task, case: str, answers: dict) -> str | None:
    """What differs between the answers, or nothing. The limit only moves bytes."""
    compared = {name: answer for name, answer in answers.items() if name != "limit"}
    reference = compared.get("stock", next(iter(compared.values())))
    for name, answer in compared.items():
        if answer != reference:
            return f"{name} answered {str(answer)[:300]}, stock {str(reference)[:300]}"
    return None


def prepare(workers: dict[str, Worker], case: dict, alone: bool) -> dict:
    """The answers of all, who prepare at once unless that must be done alone."""
    if alone:
        return {name: worker.ask("prepare", case=case)["answer"]
                for name, worker in workers.items()}
    for worker in workers.values():
        worker.tell("prepare", case=case)
    return {name: worker.reply()["answer"] for name, worker in workers.items()}


def core_of(task) -> int | None:
    """The core on which the contenders of a task with ONE_CORE measure, one after the other:
    of a virtual machine one may be half as fast as another, for minutes."""
    return max(os.sched_getaffinity(0)) if getattr(task, "ONE_CORE", False) else None


def run_case(task_name: str, task, case: dict, workers: dict[str, Worker]) -> dict:
    active = {n: w for n, w in workers.items() if n in case.get("contenders", CONTENDERS)}
    try:
        answers = prepare(active, case, alone=getattr(task, "PREPARE_ALONE", False))
        difference = close_enough(task, case["case"], answers)
        if difference:
            raise ContenderFailed(f"{task_name} {case['case']}: answers differ: {difference}")
        values: dict[str, list[float]] = {name: [] for name in active}
        for _ in range(case.get("rounds", ROUNDS)):
            for name, worker in active.items():
                values[name].append(worker.ask("measure", core=core_of(task))["value"])
    finally:
        for worker in active.values():
            if worker.process.poll() is None:
                worker.ask("release")
    medians = {name: statistics.median(runs) for name, runs in values.items()}
    row = {"task": task_name, "case": case["case"], "unit": case["unit"]}
    row.update({name: medians.get(name) for name in CONTENDERS})
    for name in ("seed", "stock", "limit"):
        row[f"ratio_{name}"] = ratio(case["unit"], row["ours"], row[name])
    row["floor"] = case.get("floor", {})
    row["runs"] = values
    return row


def unmet(row: dict) -> list[str]:
    """The floors of a row that were not reached, in words."""
    words = []
    for key, least in row["floor"].items():
        have = row.get(key)
        if key == "ours":  # an absolute bound in the row's own unit
            if have is not None and have > least:
                words.append(f"ours {have:.3g} > {least:.3g}")
        elif key == "over_limit":  # how far ours may be above the limit
            over = row["ours"] - row["limit"]
            if over > least:
                words.append(f"{over:.3g} over the limit > {least:.3g}")
        elif have is None or have < least:
            words.append(f"{key} {have if have is None else format(have, '.3g')} < {least:g}")
    return words


def show(rows: list[dict]) -> str:
    def number(value):
        if value is None:
            return "-"
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"

    head = ("task", "case", "unit", "seed", "stock", "ours", "limit", "x seed", "x stock",
            "of limit", "floor")
    table = [head]
    for row in rows:
        missed = unmet(row)
        verdict = "not met: " + ", ".join(missed) if missed else "met" if row["floor"] else ""
        table.append((row["task"], row["case"], row["unit"],
                      *(number(row[n]) for n in (*CONTENDERS, "ratio_seed", "ratio_stock",
                                                 "ratio_limit")), verdict))
    widths = [max(len(line[i]) for line in table) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) if i < 3 or i == len(head) - 1
                               else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
                     for line in table)


def machine() -> dict:
    model = next((line.split(":", 1)[1].strip()
                  for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.processor())
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(), "load_before": open("/proc/loadavg").read().split()[0]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", help="task folders; none: all")
    parser.add_argument("--case", help="only cases whose name contains this")
    arguments = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    known = sorted(p.parent.name for p in BENCH.glob("tasks/*/cases.py"))
    names = arguments.tasks or known
    for name in names:
        if name not in known:
            print(f"bench: no such task: {name} (there are {', '.join(known)})",
                  file=sys.stderr)
            return 1
    sys.path.insert(0, str(BENCH))
    results_path = OUT / "results.json"
    old = json.loads(results_path.read_text()) if results_path.exists() else []
    rows, failed = [], []
    print(f"machine: {machine()}", file=sys.stderr)
    for name in names:
        task = importlib.import_module(f"tasks.{name}.cases")
        began = time.monotonic()
        workers: dict[str, Worker] = {}
        try:
            with open(OUT / f"{name}.log", "w") as log:
                for contender in CONTENDERS:
                    if (BENCH / "tasks" / name / f"{contender}.py").exists():
                        workers[contender] = Worker(name, contender, log)
                for case in task.CASES:
                    if arguments.case and arguments.case not in case["case"]:
                        continue
                    rows.append(run_case(name, task, case, workers))
                    print(show(rows[-1:]).splitlines()[1], file=sys.stderr)
        except ContenderFailed as problem:
            failed.append(name)
            print(f"bench: {problem}", file=sys.stderr)
        finally:
            for worker in workers.values():
                worker.close()
        print(f"bench: {name} took {time.monotonic() - began:.0f} s", file=sys.stderr)
    kept = [row for row in old if row["task"] not in names] if arguments.tasks else []
    final = sorted(kept + rows, key=lambda row: known.index(row["task"]))
    results_path.write_text(json.dumps(final, indent=1) + "\n")
    print(show(final))
    missed = [f"{row['task']} {row['case']}: {', '.join(unmet(row))}" for row in final
              if unmet(row)]
    for line in missed:
        print(f"floor not met: {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
