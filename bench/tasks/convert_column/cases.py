"""A column batch just read from IPC -> every channel as a numpy array, from Python."""

from harness import inputs

ONE_CORE = True  # none of the contenders uses another
ITERATIONS = {"20x16384": 40, "500x1024": 20, "5000x16": 4, "767x1": 40}
FLOORS = {name: {"ratio_stock": 15} for name in inputs.SHAPES}
NULLS_FLOORS = {name: {"ratio_stock": 5 if name == "20x16384" else 10}
                for name in inputs.SHAPES}
CASES = [{"case": f"{shape}/nulls={nulls}", "unit": "us", "iterations": ITERATIONS[shape],
          "floor": FLOORS[shape] if nulls == "0" else NULLS_FLOORS[shape]}
         for shape in inputs.SHAPES for nulls in ("0", "0.01", "0.5")]
CASES.append({"case": "500x1024/one", "unit": "us", "iterations": 100,
              "floor": {"ratio_stock": 50}})
