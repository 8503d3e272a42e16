"""The same fetch in all ways in which our client and server agree to do it."""

import re

import numpy as np
import pytest

from harness import clients, servers
from harness.processes import run

START, SECONDS, CHANNELS = 10**9, 40, 90
NAMES = [f"T9:ORD-C{i:02}" for i in range(CHANNELS)]
FAST = "T9:ORD-FAST"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """An archive of 13 MB, in which some channels have gaps and one is of another size."""
    home = tmp_path_factory.mktemp("orders")
    toml = home / "channels.toml"
    toml.write_text("[common]\nstride = 62500000\n" + "".join(
        f'["{name}"]\nsample_rate = 512\ndata_type = "float64"\nfunc = "sin({i + 1} * t)"\n'
        for i, name in enumerate(NAMES)) + f'["{FAST}"]\nsample_rate = 4096\ndata_type = "int32"\n')
    directory = home / "archive"
    mock = servers.start("ours", toml)
    gaps = servers.start("ours", toml, faults=("partial-gaps", 3, None))
    try:
        for server, names in [(mock, NAMES[10:] + [FAST]), (gaps, NAMES[:10])]:
            file = home / f"{len(names)}.arrow"
            for argv in [["-u", server.url, "fetch", *names, "--start", str(START),
                          "--duration", str(SECONDS), "-o", file],
                         ["import", file, "--archive", directory]]:
                done = run([servers.carryall(), *argv])
                assert done.status == 0, done
    finally:
        mock.stop()
        gaps.stop()
    server = servers.start("ours", directory, backend="archive", options=["-vv"])
    yield server
    server.stop()


def test_channel_after_channel_and_without_a_plan_is_what_stock_gets(archive):
    import carryall
    asked = [FAST, *reversed(NAMES)]
    client = carryall.Client(archive.url)
    planned = client.fetch(asked, START, START + SECONDS)
    direct = client.fetch(asked, START, START + SECONDS)
    stock = clients.make("stock", None).fetch(archive.url, asked, START, START + SECONDS)
    missing = 0
    for block in (planned, direct):
        assert list(block) == asked
        for name in asked:
            got, expected = block[name].data, stock.data[name]
            there = ~stock.mask(name)
            assert np.ma.getmaskarray(got).tolist() == (~there).tolist(), name
            assert got.dtype == expected.dtype and got.flags.aligned
            assert np.asarray(got)[there].tobytes() == np.asarray(expected)[there].tobytes(), name
            missing += (~there).sum()
    assert missing > 0
    # A slice that lies on no stride, and one beyond what there is.
    part = client.fetch(asked, START + 1.03125, START + 2.0078125)
    for name in asked:
        rate = planned[name].sample_rate
        first, last = int(1.03125 * rate), int(2.0078125 * rate)
        assert (np.ma.getmaskarray(part[name].data).tolist()
                == np.ma.getmaskarray(planned[name].data)[first:last].tolist())
        assert (np.ma.filled(part[name].data, 0).tobytes()
                == np.ma.filled(planned[name].data[first:last], 0).tobytes())
    beyond = client.fetch([FAST], START + SECONDS - 1, START + SECONDS + 1)
    mask = np.ma.getmaskarray(beyond[FAST].data)
    assert not mask[:4096].any() and mask[4096:].all()
    requests = [line for line in archive.program.err if re.search("info:Stream", line)]
    assert len(requests) == 2, requests  # ours and stock's
