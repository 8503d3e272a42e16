"""The independent Rust client of tests/rust."""

import json

import pytest

from harness import servers
from harness.processes import run


def peer():
    """Asks a server through its program, which is built on first use (some minutes; quick
    afterwards)."""
    built = run([servers.ROOT / "scripts/rust-peer"], timeout=1700)
    assert built.status == 0, built
    if not built.out:
        # The one thing that a machine may lack, even in CI.
        pytest.skip(built.err.strip())

    def ask(server, *question):
        done = run([built.out.strip(), server.url, *question], timeout=60)
        assert done.status == 0, done
        # The crate says what it does on standard output too.
        return json.loads(done.out.splitlines()[-1])

    return ask
