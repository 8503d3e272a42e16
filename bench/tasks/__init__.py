"""One folder a task: cases.py and one file a contender."""
