"""Section 7.5: Stream."""

import signal

import numpy as np
import pyarrow as pa
import pytest

from conformance.conftest import CF
from harness import servers, wire

A, B, FLAG, TICK = "X1:CNF-CHAN_A", "X1:CNF-CHAN_B", "X1:CNF-FLAG", "Y1:SLO-TICK"
UNKNOWN = "X1:CNF-NOPE"
T0 = 10**18
STRIDE = 62_500_000


def times(answer):
    return answer.column("time")


def lengths(answer, channel):
    return [len(values) for values in answer.column(channel)]


def expected_a(first, count):
    """sin(2*t) of channel A at `count` samples from `first` ns on."""
    return np.sin(2 * (first / 1e9 + np.arange(count) / 512)).astype("float32")


@pytest.mark.case("S1")
def test_mixed_strides_come_in_the_common_stride(server):
    answer = wire.get(server, wire.stream([FLAG, TICK, A], T0, T0 + 2 * wire.SECOND))
    assert answer.schema.names == ["time", A, FLAG, TICK]
    assert answer.schema.field("time").type == pa.int64()
    assert not answer.schema.field("time").nullable
    for name, data_type, rate in ((A, pa.float32(), b"512"), (FLAG, pa.int32(), b"16"),
                                  (TICK, pa.uint64(), b"2")):
        field = answer.schema.field(name)
        assert field.type == pa.list_(data_type) and field.nullable
        assert field.type.value_field.nullable
        assert field.metadata == {b"rate": rate}
    assert [batch.num_rows for batch in answer.batches] == [1, 1]
    assert times(answer) == [T0, T0 + wire.SECOND]
    assert lengths(answer, A) == [512, 512]
    assert answer.column(FLAG) == [[1] * 16] * 2
    assert answer.column(TICK) == [[10**9] * 2, [10**9 + 1] * 2]
    for first, values in zip(times(answer), answer.column(A)):
        np.testing.assert_array_max_ulp(np.float32(values), expected_a(first, 512), 1)


@pytest.mark.case("S1")
def test_plan_of_a_stream(server):
    info = wire.info(server, wire.stream([FLAG, TICK, A], T0, T0 + 2 * wire.SECOND))
    assert info.schema.names[0] == "time" and set(info.schema.names[1:]) == {A, FLAG, TICK}
    (endpoint,) = info.endpoints
    assert [location.uri for location in endpoint.locations] == [wire.REUSE]
    (ticket,) = wire.plan(server, wire.stream([FLAG, TICK, A], T0, T0 + 2 * wire.SECOND))
    assert ticket["request"] == "Stream"
    assert sorted(ticket["args"]["channels"]) == [A, FLAG, TICK]
    assert (ticket["args"]["start"], ticket["args"]["end"]) == (T0, T0 + 2 * wire.SECOND)


@pytest.mark.case("S2")
def test_one_batch_a_stride(server):
    answer = wire.get(server, wire.stream([FLAG], T0, T0 + wire.SECOND))
    assert times(answer) == [T0 + n * STRIDE for n in range(16)]
    assert answer.column(FLAG) == [[1]] * 16


@pytest.mark.case("S3")
@pytest.mark.parametrize("end", [T0, T0 - 1, T0 - wire.SECOND, 1])
def test_inverted_and_empty_spans_are_empty_streams(server, end):
    command = wire.stream([FLAG], T0, end)
    assert len(wire.info(server, command).endpoints) == 1
    answer = wire.get(server, command)
    assert answer.batches == [] and answer.schema.names == ["time", FLAG]


@pytest.mark.case("S4")
def test_unaligned_start(server):
    answer = wire.get(server, wire.stream([A], T0 + 7, T0 + 100_000_000))
    if server.ours:
        # A short block up to the boundary, then whole strides on the grid.
        assert times(answer) == [T0 + 7, T0 + STRIDE]
        assert 0 < lengths(answer, A)[0] <= 32
    else:
        assert times(answer) == [T0 + 7, T0 + STRIDE + 7]


@pytest.mark.case("S4", servers=("ours",))
def test_start_on_a_sample_inside_a_stride(server):
    start = T0 + STRIDE // 2
    answer = wire.get(server, wire.stream([A], start, T0 + 3 * STRIDE))
    assert times(answer) == [start, T0 + STRIDE, T0 + 2 * STRIDE]
    assert lengths(answer, A) == [16, 32, 32]
    for first, values in zip(times(answer), answer.column(A)):
        np.testing.assert_array_max_ulp(np.float32(values), expected_a(first, len(values)), 1)


@pytest.mark.case("S4", servers=("ours",))
def test_start_aligned_to_the_fine_stride_only(server):
    start = T0 + 3 * STRIDE
    answer = wire.get(server, wire.stream([FLAG, TICK], start, T0 + 2 * wire.SECOND))
    assert times(answer) == [start, T0 + wire.SECOND]
    assert lengths(answer, FLAG) == [13, 16]
    assert lengths(answer, TICK)[1] == 2


@pytest.mark.case("S5")
def test_unaligned_end(server):
    answer = wire.get(server, wire.stream([A], T0, T0 + 100_000_000))
    assert times(answer) == [T0, T0 + STRIDE]
    # Whole strides, or cut after the last sample before the end.
    assert lengths(answer, A) in ([[32, 32], [32, 20]] if server.ours else [[32, 32]])


@pytest.mark.case("S5", servers=("ours",))
def test_last_block_is_cut_at_the_end(server):
    answer = wire.get(server, wire.stream([A], T0, T0 + STRIDE * 3 // 2))
    assert times(answer) == [T0, T0 + STRIDE]
    assert lengths(answer, A) == [32, 16]


@pytest.mark.case("S6")
def test_live_stream_starts_now_and_goes_with_the_clock(server):
    before = wire.gps_now()
    stream = wire.reader(server, wire.stream([FLAG], None, None))
    received = []
    for _ in range(4):
        batch = stream.read_chunk().data
        received.append((batch["time"][0].as_py(), wire.gps_now(), batch[FLAG].to_pylist()))
        if len(received) == 1:
            after = wire.gps_now()
    stream.cancel()
    first = received[0][0]
    assert before // STRIDE * STRIDE <= first <= after
    assert [time for time, _, _ in received] == [first + n * STRIDE for n in range(4)]
    assert first % STRIDE == 0
    for time, arrival, values in received:
        assert arrival >= time and values == [[1]]


@pytest.mark.case("S7")
def test_live_until_the_past_is_empty(server):
    command = wire.stream([FLAG], None, wire.gps_now() - wire.SECOND)
    assert wire.get(server, command).batches == []


@pytest.mark.case("S7")
def test_end_zero_lies_in_the_past(server):
    if server.ours:
        assert wire.get(server, wire.stream([FLAG], None, 0)).batches == []
    else:
        assert len(wire.get(server, wire.stream([FLAG], None, 0), batches=3).batches) == 3


@pytest.mark.case("S8")
def test_repeated_channels_are_served_once(server):
    command = wire.stream([FLAG, FLAG], T0, T0 + STRIDE)
    (ticket,) = wire.plan(server, command)
    assert ticket["args"]["channels"] == [FLAG]
    if server.ours:
        answer = wire.get(server, command)
        assert answer.schema.names == ["time", FLAG] and answer.column(FLAG) == [[1]]
    else:
        assert wire.refusal(wire.get, server, command).code == "INTERNAL"


@pytest.mark.case("S9")
def test_unknown_channel_is_named(server):
    command = wire.stream([FLAG, UNKNOWN], T0, T0 + STRIDE)
    refused = wire.refusal(wire.get, server, command)
    assert refused.code == "UNAVAILABLE", refused
    assert UNKNOWN in refused.text and FLAG not in refused.text, refused
    refused = wire.refusal(wire.info, server, command)
    if server.ours:
        assert refused.code == "UNAVAILABLE" and UNKNOWN in refused.text, refused
    else:
        assert refused.code == "INTERNAL", refused


@pytest.mark.case("S10")
def test_stream_of_no_channels(server):
    command = wire.stream([], T0, None)
    assert wire.refusal(wire.info, server, command).code == "UNKNOWN"
    if server.ours:
        refused = wire.refusal(wire.get, server, command)
        assert refused.code in ("UNKNOWN", "INVALID_ARGUMENT") and "channel" in refused.text
    else:
        assert times(wire.get(server, command, batches=3)) == [T0, T0 + 1, T0 + 2]


@pytest.mark.case("S11")
@pytest.mark.parametrize("replay", [
    dict(replay_start=T0),
    dict(replay_end=T0),
    dict(replay_start=T0, replay_end=T0),
    dict(replay_start=T0, replay_end=T0 - 1),
    dict(replay_start=T0, replay_end=T0 + wire.SECOND, replay_id="RUN1"),
], ids=["start-only", "end-only", "equal", "inverted", "window-and-id"])
def test_replay_bounds_must_make_sense(registry_server, replay):
    command = wire.stream([FLAG], T0, T0 + STRIDE, **replay)
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, registry_server, command)
        assert refused.code == "UNKNOWN", refused


@pytest.mark.case("S12")
def test_stream_has_no_time_argument(server):
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, server, wire.stream([FLAG], T0, T0 + STRIDE, time=None))
        assert refused.code == "UNKNOWN" and "time" in refused.text, refused


@pytest.mark.case("S13")
def test_replay_that_no_server_lists_can_be_had_without_a_plan(registry_server):
    command = wire.stream([FLAG], T0, T0 + STRIDE, replay_id="RUN1")
    assert wire.refusal(wire.info, registry_server, command).code == "UNKNOWN"
    assert wire.get(registry_server, command).column(FLAG) == [[1]]


@pytest.mark.case("S14")
@pytest.mark.parametrize("args", [
    dict(channels=[FLAG], start=str(T0), end=T0 + STRIDE),
    dict(channels=[FLAG], start=T0),
    dict(channels=[FLAG], start=T0 + 0.5, end=T0 + STRIDE, replay_start="x"),
    dict(channels=FLAG, start=T0, end=T0 + STRIDE),
    dict(channels=[1], start=T0, end=T0 + STRIDE),
], ids=["text-start", "no-end", "text-replay", "text-channels", "number-channel"])
def test_arguments_follow_the_schema(server, args):
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, server, wire.request("Stream", args))
        assert refused.code == "INTERNAL", refused


@pytest.mark.case("S14", servers=("ours",))
def test_times_may_be_written_as_whole_floats(server):
    command = wire.stream([FLAG], 1e18, 1e18 + 1e9)
    assert times(wire.get(server, command)) == [T0 + n * STRIDE for n in range(16)]


@pytest.mark.case("S15")
def test_full_gaps_are_null_samples_in_a_valid_list(pool, kind):
    server = pool.get(kind, CF, faults=("full-gaps", 2, None))
    answer = wire.get(server, wire.stream([FLAG], T0, T0 + 5 * STRIDE))
    assert times(answer) == [T0 + n * STRIDE for n in range(5)]
    assert answer.column(FLAG) == [[1], [1], [None], [1], [None]]


@pytest.mark.case("S19")
def test_live_stream_ends_well_when_the_server_is_told_to_stop(kind):
    with servers.start(kind, CF) as server:
        stream = wire.reader(server, wire.stream([FLAG], None, None))
        stream.read_chunk()
        server.program.signal(signal.SIGTERM)
        for _ in stream:
            pass
        assert server.program.wait() == 0
