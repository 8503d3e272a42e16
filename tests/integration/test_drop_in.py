"""Our Python package as a stand-in for stock's: the same names, the same arguments, the same
exceptions, and stock's server on top of it."""

import copy
import dataclasses
import enum
import importlib
import inspect
import os
import pickle
import subprocess
import sys
import types

import pytest

from harness import clients, servers
from harness.processes import Program, clean_environment, run

MODULES = ("api", "auth", "assemble", "block", "channel", "client", "constants", "errors",
           "flight", "format", "kafka", "mux", "publish", "replay", "schemas", "stream")
PACKAGE = servers.ROOT / "build/release/python"


def _names(module):
    """What a module of stock has of its own, and constants."""
    for name, value in vars(module).items():
        if name.startswith(("_", "OFFSET_")) or isinstance(value, types.ModuleType):
            continue
        if name in ("annotations", "TYPE_CHECKING", "logger", "CREATE_SCOPE"):
            continue  # from elsewhere
        if getattr(value, "__module__", module.__name__) == module.__name__:
            yield name, value


def _signature(value):
    try:
        return inspect.signature(value)
    except ValueError:
        return None


def _accepts(ours, stock):
    """What calls of `stock` would find different in `ours`."""
    theirs, own = _signature(stock), _signature(ours)
    if theirs is None or own is None:
        return []
    wrong = []
    have = own.parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in have.values())
    for name, parameter in theirs.parameters.items():
        if name not in have:
            if not open_ended:
                wrong.append(f"has no {name}")
            continue
        if (parameter.kind is parameter.POSITIONAL_OR_KEYWORD
                and have[name].kind is not parameter.kind):
            wrong.append(f"{name} is {have[name].kind.description}")
        default = have[name].default
        if (parameter.default is not parameter.empty
                and repr(default).replace("carryall", "arrakis") != repr(parameter.default)
                and "factory" not in repr(parameter.default)):
            wrong.append(f"{name}={default!r}, not {parameter.default!r}")
    positional = [n for n, p in theirs.parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    own_positional = [n for n, p in have.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if own_positional[:len(positional)] != positional and not wrong:
        wrong.append(f"positional {own_positional}, not {positional}")
    wrong += [f"needs {name}" for name, p in have.items()
              if name not in theirs.parameters and p.default is p.empty
              and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return wrong


def _methods(stock):
    for name, value in inspect.getmembers(stock):
        if not name.startswith("_") and not isinstance(stock, enum.EnumMeta):
            yield name, value


@pytest.fixture(scope="module", autouse=True)
def package():
    clients.OursInPython()  # left out where there is none


@pytest.mark.parametrize("module", MODULES)
def test_names_and_arguments(module):
    stock = importlib.import_module(f"arrakis.{module}")
    ours = importlib.import_module(f"carryall.{module}")
    wrong = {}
    for name, value in _names(stock):
        own = getattr(ours, name, None)
        if own is None:
            wrong[name] = "is not there"
            continue
        if isinstance(value, enum.EnumMeta):
            members = {n: m.value for n, m in value.__members__.items()}
            if {n: m.value for n, m in own.__members__.items()} != members:
                wrong[name] = f"has other members than {members}"
            continue
        if not callable(value):
            continue
        if differences := _accepts(own, value):
            wrong[name] = differences
        if not inspect.isclass(value):
            continue
        for method, of_stock in _methods(value):
            of_ours = getattr(own, method, None)
            if not hasattr(own, method):
                wrong[f"{name}.{method}"] = "is not there"
            elif callable(of_stock) and (found := _accepts(of_ours, of_stock)):
                wrong[f"{name}.{method}"] = found
    assert wrong == {}


A = "H1:TEST-STATE_ONES"
T = 1_000_000_000


def _block(package, **how):
    import numpy
    channels = {"X1:A-B": package.Channel("X1:A-B", "float32", 16),
                "X1:A-C": package.Channel("X1:A-C", "float64", 4)}
    data = {"X1:A-B": numpy.zeros(16, "float32"), "X1:A-C": numpy.zeros(4)}
    return package.SeriesBlock(how.get("time", 0), {**data, **how.get("data", {})}, channels)


# Each is something wrong to do with a package and a client of it.
WRONG = {
    "pattern": lambda p, c: list(c.find("(")),
    "type that is no filter": lambda p, c: list(c.find(data_type="int8")),
    "no type": lambda p, c: list(c.find(data_type="spam")),
    "negative rate": lambda p, c: list(c.find(min_rate=-1)),
    "fraction of a rate": lambda p, c: list(c.find(min_rate=1.5)),
    "replay id": lambda p, c: list(c.find(replay_id="NOT_THERE")),
    "unknown channel": lambda p, c: c.describe(["H1:NOT-THERE"]),
    "no channels": lambda p, c: c.fetch([], T, T + 1),
    "name of no channel": lambda p, c: c.describe(["spam"]),
    "stream of an unknown channel": lambda p, c: next(c.stream(["H1:NOT-THERE"], T, T + 1)),
    "stride": lambda p, c: next(c.stream([A], T, T + 1, stride=0.1)),
    "negative stride": lambda p, c: next(c.stream([A], T, T + 1, stride=-1)),
    "stream with end and duration": lambda p, c: next(c.stream([A], T, T + 1, duration=1)),
    "stream with no policy": lambda p, c: next(c.stream([A], T, T + 1, on_gap="spam")),
    "fetch with no policy": lambda p, c: c.fetch([A], T, T + 1, on_gap="spam"),
    "fetch that skips": lambda p, c: c.fetch([A], T, T + 1, on_gap="skip"),
    "end alone": lambda p, c: c.fetch([A], end=T),
    "fetch with end and duration": lambda p, c: c.fetch([A], T, T + 1, duration=1),
    "empty span": lambda p, c: c.fetch([A], T, T),
    "inverted span": lambda p, c: c.fetch([A], T, T - 1),
    "no duration": lambda p, c: c.fetch([A], T, duration=0),
    "negative duration": lambda p, c: c.fetch([A], T, duration=-1),
    "replay window": lambda p, c: c.fetch([A], T, T + 1, replay_start=T + 9, replay_end=T),
    "server": lambda p, c: p.Client("grpc://127.0.0.1:1").count(),
    "scheme": lambda p, c: p.Client("spam://127.0.0.1:1").count(),
    "channel name": lambda p, c: p.Channel("spam", "float32", 16),
    "no data type": lambda p, c: p.Channel("X1:A", None, 16),
    "data type": lambda p, c: p.Channel("X1:A", object(), 16),
    "channel of JSON": lambda p, c: p.Channel.from_json("{"),
    "channel of other fields": lambda p, c: p.Channel.from_json('{"spam": 1}'),
    "order of channels": lambda p, c: p.Channel("X1:A", "f4", 1) < p.Channel("X1:B", "f4", 1),
    "Freq of nothing": lambda p, c: 0 * p.Freq.Hz,
    "Freq from the left": lambda p, c: p.Freq.Hz * 64,
    "not a number": lambda p, c: p.block.time_as_ns(float("nan")),
    "infinite time": lambda p, c: p.block.time_as_ns(float("inf")),
    "time as text": lambda p, c: p.block.time_as_ns("1"),
    "lengths": lambda p, c: _block(p, data={"X1:A-B": [1.0] * 9}),
    "data without channel": lambda p, c: _block(p, data={"X1:A-D": [1.0] * 9}),
    "channel of a block": lambda p, c: _block(p)["spam"],
    "filter": lambda p, c: _block(p).filter(["spam"]),
    "change": lambda p, c: setattr(_block(p), "time_ns", 1),
    "hash of a block": lambda p, c: hash(_block(p)),
    "hash of a series": lambda p, c: hash(_block(p)["X1:A-B"]),
    "index of a series": lambda p, c: _block(p)["X1:A-B"][0],
    "rows without channels": lambda p, c: list(_block(p).to_row_batches({})),
    "rows without partitions": lambda p, c: list(_block(p).to_row_batches(_block(p).channels)),
    "schema without time": lambda p, c: _block(p).to_column_batch(p.schemas.count()),
    "schema of other channels": lambda p, c: _block(p).to_column_batch(
        p.schemas.stream([p.Channel("X1:A-D", "float32", 16)])),
    "columns without channels": lambda p, c: p.SeriesBlock.from_column_batch(
        _block(p).to_column_batch(), {}),
    "concatenation of nothing": lambda p, c: p.block.concatenate_blocks(),
    "concatenation with a hole": lambda p, c: p.block.concatenate_blocks(
        _block(p), _block(p, time=5)),
    "concatenation of others": lambda p, c: p.block.concatenate_blocks(
        _block(p), _block(p).filter(["X1:A-B"])),
    "combination of nothing": lambda p, c: p.block.combine_blocks(),
    "combination twice": lambda p, c: p.block.combine_blocks(_block(p), _block(p)),
    "publisher of nothing": lambda p, c: p.Publisher("NOT_THERE", c.initial_url).register(),
    "publisher that is not open": lambda p, c: p.Publisher(
        "FAKE_H1", c.initial_url).publish(_block(p)),
    "server that cannot publish": lambda p, c: p.Publisher("FAKE_H1", c.initial_url).enter(),
    "token that is not there": lambda p, c: p.Client(c.initial_url, token=True),
    "format": lambda p, c: p.format.formatter(1, "spam"),
    "no channels to show": lambda p, c: p.format.format_channels_rich([]),
    "time off the grid": lambda p, c: p.mux.TimedQueue(10, 0, 0).push(3, "x"),
    "late element": lambda p, c: [p.mux.TimedQueue(10, 0, 10).push(0, "x", "raise")],
    "request without arguments": lambda p, c: p.flight.create_command(
        p.flight.RequestType.Stream, validator=p.flight.RequestValidator()),
    "request that is no JSON": lambda p, c: p.flight.parse_command(
        b"{", validator=p.flight.RequestValidator()),
    "request that is no text": lambda p, c: p.flight.parse_command(
        b"\xff", validator=p.flight.RequestValidator()),
}


@pytest.fixture(scope="module")
def sides():
    """Each package with a client of its own server."""
    import pytest_arrakis
    data = os.path.dirname(pytest_arrakis.__file__) + "/data"
    files = [f"{data}/FAKE_{name}.toml" for name in ("H1", "L1")]
    with servers.start("stock", *files) as stock, servers.start("ours", *files) as ours:
        found = []
        for name, server in (("arrakis", stock), ("carryall", ours)):
            package = importlib.import_module(name)
            for module in MODULES:
                if module != "stream":
                    importlib.import_module(f"{name}.{module}")
            found.append((package, package.Client(server.url)))
        yield found


def _raised_by(what, package, client):
    try:
        what(package, client)
    except (Exception) as error:
        return error
    return None


# Where stock's server, or its transport, has no word for what is wrong.
OURS = {"no channels": "InvalidArgumentError",  # "could not serve request"
        "name of no channel": "UnavailableError",  # "internal server error"
        "scheme": "InvalidArgumentError"}  # an ArrowKeyError


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_raises_what_stock_raises(case, sides):
    (stock, stock_client), (ours, our_client) = sides
    expected = _raised_by(WRONG[case], stock, stock_client)
    assert expected is not None, "not wrong for stock"
    found = _raised_by(WRONG[case], ours, our_client)
    module = type(expected).__module__
    wanted = type(expected)
    if case in OURS:
        wanted = getattr(ours.errors, OURS[case])
    elif module.startswith("arrakis."):
        wanted = getattr(importlib.import_module("carryall" + module.removeprefix("arrakis")),
                         wanted.__name__)
    assert isinstance(found, wanted), f"{expected!r}: {found!r}"
    assert str(found)


def test_server_of_the_stock_package_runs_on_ours(sides):
    import pytest_arrakis
    (stock, _), (ours, _) = sides
    file = os.path.join(os.path.dirname(pytest_arrakis.__file__), "data", "FAKE_H1.toml")
    environment = clean_environment(PYTHONPATH=PACKAGE, CARRYALL_AS_ARRAKIS="1")
    with servers.start("stock", file, env=environment) as server:
        for package in (stock, ours):
            client = package.Client(server.url)
            # Who is below says so itself.
            assert client.server_info()["arrakis_version"] == ours.__version__
            assert client.count() == 3
            block = client.fetch([A, "H1:TEST-CHANNEL_SIN"], T, T + 2)
            assert block[A].data.tolist() == [1] * 32
            assert len(block["H1:TEST-CHANNEL_SIN"]) == 1024
            assert block.duration_ns == 2 * 10**9
            live = client.fetch([A])
            assert live[A].data.tolist() == [1]
        with pytest.raises(ours.errors.UnavailableError, match="NOT-THERE"):
            ours.Client(server.url).describe(["H1:NOT-THERE"])


def _with_gaps(package):
    import numpy
    channels = [package.Channel("X1:A-B", "float32", 16, stride=62_500_000),
                package.Channel("X1:A-C", numpy.int32, 4, publisher="P")]
    gaps = numpy.ma.MaskedArray(numpy.arange(4, dtype="i4"), [0, 1, 0, 0])
    return package.SeriesBlock(5, {"X1:A-B": numpy.arange(16, dtype="f4"), "X1:A-C": gaps},
                               {channel.name: channel for channel in channels})


# What both packages say of the same block `b`, or of themselves.
SAME = {
    "text": lambda p, b: (str(b), repr(b), [repr(s) for s in b.values()], repr(b.channels)),
    "units": lambda p, b: (f"{p.Time.s}", str(p.Freq.Hz), repr(p.Time.ms), 2 * p.Time.s,
                           64 * p.Freq.Hz, 16 * p.Freq.kHz),
    "series": lambda p, b: [(s.time, s.t0, s.dt, s.name, str(s.dtype), str(s.data_type),
                             s.sample_rate, s.duration, s.duration_ns, len(s), s.has_gaps,
                             s.times.tolist(), str(s.mask)) for s in b.values()],
    "block": lambda p, b: (b.time, b.t0, b.duration, b.start_ns, b.end_ns, b.duration_ns,
                           b.has_gaps, len(b), list(b.keys()), [n for n, _ in b.items()]),
    "dataclass": lambda p, b: (dataclasses.asdict(b), dataclasses.replace(b, time_ns=7),
                               dataclasses.replace(b["X1:A-B"], time_ns=7),
                               [f.name for f in dataclasses.fields(b)],
                               [f.name for f in dataclasses.fields(b["X1:A-B"])]),
    "copies": lambda p, b: (pickle.loads(pickle.dumps(b)), copy.deepcopy(b), copy.copy(b)),
    "columns": lambda p, b: (b.to_column_batch().schema, b.to_column_batch().to_pydict(),
                             p.SeriesBlock.from_column_batch(b.to_column_batch(), b.channels)),
    "gaps": lambda p, b: (p.SeriesBlock.full_gap(0, 10**9, b.channels.values()).has_gaps,
                          p.SeriesBlock.full_gap(0, 10**9, []), p.SeriesBlock(0, {})),
    "schemas": lambda p, b: (p.schemas.stream(b.channels.values()), p.schemas.metadata(),
                             p.schemas.metadata("partition"), p.schemas.count(),
                             p.schemas.publish(), sorted(p.schemas.METADATA_FIELDS.items())),
    "URLs": lambda p, b: [p.client.parse_arrakis_url(url).geturl() for url in (
        "host", ":1", "", "grpc+tls://h", "1.2.3.4:5", "[::1]", "http://x/y")],
    "names": lambda p, b: [p.channel.ParsedChannelName.parse(name) for name in (
        "A:B-C_D", ":", "H1:", "H1:A:B_C", "H1:A_B-C")],
    "channels": lambda p, b: (
        b.channels["X1:A-B"] == p.Channel("X1:A-B", "float32", 16, stride=3),
        b.channels["X1:A-B"] == p.Channel("X1:A-B", "float32", 16),
        hash(b.channels["X1:A-B"]), b.channels["X1:A-C"].as_dict()),
    "times": lambda p, b: [p.block.time_as_ns(t) for t in (1187008882.443, 1e9 + 0.0625, 0.1, 5)],
    "replays": lambda p, b: ([p.replay.calculate_offset(10, 20, t) for t in (5, 10, 19, 20, 35)],
                             p.replay.translate_time(35, 10, 20)),
    "constants": lambda p, b: {k: v for k, v in vars(p.constants).items() if k.isupper()},
    "formats": lambda p, b: [p.format.formatter(b, name) for name in (
        "str", "repr", "pprint", "json", "json-pp", "json-abrv")],
}


@pytest.mark.parametrize("case", SAME)
def test_both_say_the_same(case, sides):
    (stock, _), (ours, _) = sides
    found = [SAME[case](package, _with_gaps(package)) for package in (stock, ours)]
    assert str(found[1]).replace("carryall", "arrakis") == str(found[0])
