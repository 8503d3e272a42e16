"""docs/python.md does what it says."""

import re

import matplotlib

from harness import servers

PAGE = servers.ROOT / "docs" / "python.md"


def test_the_tutorial(pool, monkeypatch, tmp_path):
    matplotlib.use("agg")
    monkeypatch.setenv("ARRAKIS_SERVER", pool.get("ours").url)
    monkeypatch.setenv("CARRYALL_BIN", str(servers.carryall()))
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S))
    assert len(blocks) == text.count("```python") >= 8
    names = {}
    for block in blocks:
        line = text[:block.start(1)].count("\n")
        # So that a failure shows its line in the page.
        exec(compile("\n" * line + block[1], str(PAGE), "exec"), names)
