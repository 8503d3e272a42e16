"""Milliseconds from the start of a new interpreter to the end of `import`, beyond those of one
that imports pyarrow alone (which all need), one after the other."""

CASES = [{"case": "beyond pyarrow", "unit": "ms", "floor": {"ours": 150}}]
