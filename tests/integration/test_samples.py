"""The same samples and masks, whoever asks whom."""

import numpy as np
import pytest

from harness import wire
from integration.conftest import TYPES

START = 10**9
TYPED = [f"T1:INT-{t}" for t in "I8 I16 I32 I64 U8 U16 U32 U64".split()] + [
    f"T1:FLT-{t}" for t in ("F16", "F32", "F64")]
SLOW, HALF, FAST = "T1:MIX-SLOW", "T1:MIX-HALF", "T1:MIX-FAST"
I32, F16, F64 = "T1:INT-I32", "T1:FLT-F16", "T1:FLT-F64"
NATIVE = 62_500_000


def assert_same_bits(got, expected):
    assert got.time_ns == expected.time_ns
    assert set(got.data) == set(expected.data)
    for name, values in expected.data.items():
        assert got.data[name].dtype == values.dtype, name
        assert got.mask(name).tolist() == expected.mask(name).tolist(), name
        there = ~expected.mask(name)
        assert (np.asarray(got.data[name])[there].tobytes()
                == np.asarray(values)[there].tobytes()), name


def test_every_data_type(pair, reference):
    got = pair.client.fetch(pair.url(), TYPED, START, START + 3)
    assert_same_bits(got, reference("fetch", TYPED, START, START + 3))
    assert all(len(values) == 192 for values in got.data.values())
    assert got.list(I32)[:2] == [-738361344, -738359297]


@pytest.mark.parametrize("start, end", [(START, START + 4), (START + 2, START + 3)])
def test_mixed_strides(pair, reference, start, end):
    asked = [FAST, SLOW, I32, HALF]
    got = pair.client.fetch(pair.url(), asked, start, end)
    assert_same_bits(got, reference("fetch", asked, start, end))
    span = end - start
    assert [len(got.data[name]) for name in asked] == [4096 * span, 2 * span, 64 * span, 8 * span]


@pytest.mark.parametrize("channel", ["T2:FUN-SIN", "T2:FUN-EXP", "T2:FUN-STEP", "T2:FUN-BOUND"])
def test_functions_are_within_4_ulp(pair, reference, channel):
    got = pair.client.fetch(pair.url(), [channel], START, START + 10)
    expected = reference("fetch", [channel], START, START + 10)
    np.testing.assert_array_max_ulp(
        np.asarray(got.data[channel]), np.asarray(expected.data[channel]), 4)


def test_formula_of_many_functions(pair, reference):
    channel = "T2:FUN-MANY"
    got = pair.client.fetch(pair.url(), [channel], START, START + 30)
    expected = reference("fetch", [channel], START, START + 30)
    np.testing.assert_allclose(got.data[channel], expected.data[channel], rtol=1e-12, atol=1e-13)


def test_noise_is_standard_normal(pair):
    asked = ["T3:RND-NOISE", "T3:RND-COUNT"]
    got = pair.client.fetch(pair.url(), asked, START, START + 100)
    noise, integers = (np.asarray(got.data[name]) for name in asked)
    assert noise.dtype == np.float64 and integers.dtype == np.int32
    assert len(noise) == len(integers) == 6400
    # Five standard errors of 6400 samples.
    assert abs(noise.mean()) < 5 / 80 and abs(noise.std() - 1) < 5 / 80 / np.sqrt(2)
    # Truncated towards zero: P(|x| < 1) of all samples are 0.
    assert abs((integers == 0).mean() - 0.6827) < 5 * 0.466 / 80


def test_unaligned_start_and_end(pair, reference):
    """On a sample, inside a stride. Stock can only plan this within one stride."""
    start, end = START + 1 / 32, START + 2 + 3 / 64
    if pair.server_kind == "stock":
        end = START + 1 / 16
    got = pair.client.fetch(pair.url(), [F64, I32], start, end)
    whole = reference("fetch", [F64, I32], START, START + 3)
    assert got.time_ns == START * 10**9 + 31_250_000
    for name in (F64, I32):
        count = len(got.data[name])
        # A client may round the end up to whole strides, but no further.
        assert (end - start) * 64 <= count <= (end - start) * 64 + 4
        assert got.list(name) == whole.list(name)[2:2 + count]


@pytest.mark.parametrize("stride", [None, 0.25, 1])
def test_blocks_of_a_historical_stream(pair, reference, stride):
    how = {} if stride is None else {"stride": stride}
    got = pair.client.stream(pair.url(), [I32, F64], START, START + 2, **how)
    expected = reference("stream", [I32, F64], START, START + 2, **how)
    assert len(got) == len(expected) == 2 / (stride or 1 / 16)
    for mine, theirs in zip(got, expected):
        assert_same_bits(mine, theirs)


def test_stride_longer_than_the_rest_of_the_span(pair):
    blocks = pair.client.stream(pair.url(), [I32], START, START + 1, stride=0.75)
    assert [(b.time_ns, len(b.data[I32])) for b in blocks] == [
        (START * 10**9, 48), (START * 10**9 + 750_000_000, 16)]


def test_one_native_block_at_a_time(pair, reference):
    got = pair.client.fetch(pair.url(), [I32], START)
    assert_same_bits(got, reference("fetch", [I32], START))
    assert len(got.data[I32]) == 4


def test_duration_instead_of_end(pair, reference):
    got = pair.client.fetch(pair.url(), [I32], START, duration=2)
    assert_same_bits(got, reference("fetch", [I32], START, START + 2))


def test_long_past_and_fractions_of_a_second(pair):
    got = pair.client.fetch(pair.url(), [F64], 0.0625, 1.125)
    assert got.time_ns == NATIVE and len(got.data[F64]) == 68
    first = 0.0625 + np.arange(68) / 64
    assert np.asarray(got.data[F64]).tolist() == (first / 8 + first % 17).tolist()


def expected_i32(time_ns, count):
    return ((time_ns * 64 // 10**9 + np.arange(count)) % 1048576 * 2047 - 1073741824).tolist()


def test_live_stream(pair):
    before = wire.gps_now()
    blocks = pair.client.stream(pair.url(), [I32, F16], duration=0.5)
    after = wire.gps_now()
    # A live block may come at its own start time, so the last one ends up to a stride later.
    assert before - 2 * NATIVE <= blocks[0].time_ns <= after
    assert [b.time_ns for b in blocks] == [
        blocks[0].time_ns + n * NATIVE for n in range(8)]
    for b in blocks:
        assert b.time_ns % NATIVE == 0 and b.time_ns <= after
        assert b.list(I32) == expected_i32(b.time_ns, 4)
        assert b.data[F16].dtype == np.float16 and len(b.data[F16]) == 4


def test_live_stream_of_mixed_strides(pair):
    (block,) = pair.client.stream(pair.url(), [I32, SLOW], duration=1)
    assert block.time_ns % 10**9 == 0
    assert block.list(I32) == expected_i32(block.time_ns, 64)
    second = block.time_ns // 10**9
    assert block.list(SLOW) == [2 * second % 1000003, (2 * second + 1) % 1000003]


def test_newest_block(pair):
    before = wire.gps_now()
    got = pair.client.fetch(pair.url(), [I32])
    assert before - 2 * NATIVE <= got.time_ns <= wire.gps_now()
    assert got.list(I32) == expected_i32(got.time_ns, 4)


def test_past_start_catches_up_and_follows(pair):
    """From two seconds ago until half a second from now."""
    start = wire.gps_now() // 10**9 - 2
    blocks = pair.client.stream(pair.url(), [I32], start, start + 2.5)
    assert [b.time_ns for b in blocks] == [start * 10**9 + n * NATIVE for n in range(40)]
    assert blocks[-1].time_ns <= wire.gps_now()
    assert all(b.list(I32) == expected_i32(b.time_ns, 4) for b in blocks)


def test_full_gaps(pair, pool):
    url = pair.url(TYPES, faults=("full-gaps", 3, None))
    asked = TYPED if pair.client.name != "stock" else [n for n in TYPED if n != F16]
    got = pair.client.fetch(url, asked, START, START + 2)
    whole = pair.client.fetch(pair.url(), asked, START, START + 2)
    # Blocks 3, 6, 9, ... of 4 samples each.
    missing = [block > 0 and block % 3 == 0 for block in range(32) for _ in range(4)]
    for name in asked:
        assert got.mask(name).tolist() == missing, name
        assert got.data[name].dtype == whole.data[name].dtype
        assert got.list(name) == [
            None if gap else value for gap, value in zip(missing, whole.list(name))]


def test_partial_gaps(pair):
    url = pair.url(TYPES, faults=("partial-gaps", 2, 0.5))
    got = pair.client.fetch(url, [FAST, I32], START, START + 2)
    whole = pair.client.fetch(pair.url(), [FAST, I32], START, START + 2)
    for name, count in ((FAST, 256), (I32, 4)):
        blocks = got.mask(name).reshape(32, count)
        hit = [block > 0 and block % 2 == 0 for block in range(32)]
        assert not blocks[[not h for h in hit]].any()
        share = blocks[hit].mean()
        # Half of the samples, within five standard errors.
        assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(15 * count)
        there = ~got.mask(name)
        assert (np.asarray(got.data[name])[there] == np.asarray(whole.data[name])[there]).all()


def test_duplicates_are_dropped(pair, reference):
    got = pair.client.fetch(pair.url(TYPES, faults=("duplicates", 2, None)), TYPED, START, START + 1)
    assert_same_bits(got, reference("fetch", TYPED, START, START + 1))


@pytest.mark.parametrize("mode", ["latency", "stall"])
def test_slow_servers_lose_nothing(pair, reference, mode):
    got = pair.client.fetch(pair.url(TYPES, faults=(mode, 8, 0.05)), [I32], START, START + 1)
    assert_same_bits(got, reference("fetch", [I32], START, START + 1))
