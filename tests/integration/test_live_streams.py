"""Many live streams at once from `carryall serve mock`: no block is missing.

CARRYALL_LIVE="200 30" (streams, seconds) measures what the server is meant for; the default
is a slice of that for every run. Rhythm is asserted only when measured on purpose, because
it says as much about what else the machine does.
"""

import json
import os
import subprocess

import pytest

from harness import servers

CHANNELS = [f"X1:LIV-CHAN_{n:02d}" for n in range(20)]


@pytest.fixture(scope="module")
def channels(tmp_path_factory):
    path = tmp_path_factory.mktemp("live") / "channels.toml"
    common = ('[common]\nstride = 62_500_000\nmax_latency = 1_000_000_000\n'
              'sample_rate = 16384\ndata_type = "float32"\n')
    path.write_text(common + "".join(f'["{name}"]\n' for name in CHANNELS))
    return path


def test_live_streams_miss_no_block(channels):
    program = servers.carryall().parent / "tests/live_streams"
    if not program.exists():
        servers.missing(f"there is no {program}; run `make build`")
    asked = os.environ.get("CARRYALL_LIVE")
    streams, seconds = (asked or "40 3").split()
    with servers.start("ours", channels, options=["-q"]) as server:
        run = subprocess.run([program, server.url, streams, seconds, "20", *CHANNELS],
                             capture_output=True, text=True, timeout=float(seconds) + 60)
    assert run.returncode == 0, run.stderr
    measured = json.loads(run.stdout)
    print(measured)
    assert measured["missing"] == 0 and measured["misshapen"] == 0, measured
    assert measured["blocks"] >= int(streams) * (float(seconds) - 1) * 16, measured
    if asked:
        assert measured["uneven"]["p99"] < 0.020, measured
