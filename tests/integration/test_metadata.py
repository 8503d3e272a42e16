"""The same channels, counts and server descriptions, whoever asks whom."""

import pytest

from harness import clients

FILTERS = [
    dict(),
    dict(pattern="T1:INT"),
    dict(pattern="T1:.*-.[18]"),
    dict(pattern="nothing"),
    dict(min_rate=65),
    dict(max_rate=64, pattern="T[12]:"),
    dict(min_rate=2, max_rate=8),
    dict(data_type="float64"),
    dict(data_type="int64", pattern="T1:"),
    dict(publisher="TYPES", min_rate=4096),
    dict(publisher="NOBODY"),
    dict(time=1_000_000_000),
]


@pytest.mark.parametrize("filters", FILTERS, ids=lambda f: "-".join(map(str, f.values())) or "all")
def test_find_and_count(pair, reference, filters):
    found = pair.client.find(pair.url(), **filters)
    assert found == reference("find", **filters)
    assert pair.client.count(pair.url(), **filters) == len(found)


def test_describe(pair, reference):
    names = ["T2:FUN-SIN", "T1:MIX-SLOW", "T1:FLT-F16"]
    described = pair.client.describe(pair.url(), names)
    assert described == reference("describe", names)
    if (pair.client.name, pair.server_kind) != ("stock", "stock"):
        # Stock's server puts the channels into a set.
        assert list(described) == names
    assert described["T1:MIX-SLOW"] == {
        "name": "T1:MIX-SLOW", "data_type": "int32", "sample_rate": 2, "publisher": "TYPES",
        "stride": 10**9, "max_latency": 10**9}


@pytest.mark.parametrize("call", ["describe", "fetch", "stream"])
def test_unknown_channel_is_named(pair, call):
    span = () if call == "describe" else (10**9, 10**9 + 1)
    with pytest.raises(clients.Failed, match="T1:NOT-THERE"):
        getattr(pair.client, call)(pair.url(), ["T1:FLT-F32", "T1:NOT-THERE"], *span)


@pytest.mark.parametrize("span", [(10, 10), (11, 10)], ids=["empty", "inverted"])
def test_empty_and_inverted_spans_cannot_be_fetched(pair, span):
    with pytest.raises(clients.Failed) as failed:
        pair.client.fetch(pair.url(), ["T1:FLT-F32"], *span)
    if pair.client.name != "stock":
        assert "10" in str(failed.value)


@pytest.mark.parametrize("stride", [0.05, 0.1, -1, 0])
def test_stride_must_be_a_multiple_of_the_native_one(pair, stride):
    with pytest.raises(clients.Failed, match="stride"):
        pair.client.stream(pair.url(), ["T1:FLT-F32"], 10, 12, stride=stride)
