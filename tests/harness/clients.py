"""Clients under test behind one interface, so that the same situation can be put to the
stock client, to our Python package and to our command line."""

import itertools
import json
import sys

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from harness import servers
from harness.processes import run


class Failed(Exception):
    """A client reported an error; the text is what its user gets to read."""


class Block:
    """Samples of one span: masked arrays by channel name, mask False where there are none."""

    def __init__(self, time_ns, data):
        self.time_ns = time_ns
        self.data = {name: values if isinstance(values, np.ma.MaskedArray)
                     else np.ma.MaskedArray(values) for name, values in data.items()}

    def mask(self, name):
        return np.ma.getmaskarray(self.data[name])

    def list(self, name):
        """The samples as Python values, None where one is missing."""
        return [None if missing else value.item() for value, missing in
                zip(np.asarray(self.data[name]), self.mask(name))]


class _Package:
    """A Python package with the interface of `arrakis`."""

    def __init__(self, package):
        self._package = package

    def _client(self, url):
        return self._package.Client(url)

    def _guard(self, call):
        try:
            return call()
        except (Exception) as error:
            raise Failed(f"{type(error).__name__}: {error}") from error

    @staticmethod
    def _block(block):
        return Block(block.time_ns, {name: block[name].data for name in block.keys()})

    def fetch(self, url, channels, start=None, end=None, **how):
        return self._guard(lambda: self._block(
            self._client(url).fetch(list(channels), start, end, **how)))

    def stream(self, url, channels, start=None, end=None, blocks=None, **how):
        def read():
            stream = self._client(url).stream(list(channels), start, end, **how)
            return [self._block(b) for b in itertools.islice(stream, blocks)]
        return self._guard(read)

    def find(self, url, pattern=".*", **filters):
        return self._guard(lambda: [
            _without_nones(c.as_dict()) for c in self._client(url).find(pattern, **filters)])

    def count(self, url, pattern=".*", **filters):
        return self._guard(lambda: self._client(url).count(pattern, **filters))

    def describe(self, url, channels):
        return self._guard(lambda: {
            name: _without_nones(c.as_dict())
            for name, c in self._client(url).describe(list(channels)).items()})

    def server_info(self, url):
        return self._guard(lambda: self._client(url).server_info())


def _without_nones(fields):
    return {k: v for k, v in fields.items() if v is not None}


class Stock(_Package):
    name = "stock"

    def __init__(self):
        import arrakis
        super().__init__(arrakis)


class OursInPython(_Package):
    name = "python"

    def __init__(self):
        try:
            import carryall
        except ImportError as error:
            servers.missing(f"the carryall package cannot be imported: {error}")
        super().__init__(carryall)


class OursOnTheCommandLine:
    name = "cli"

    def __init__(self, directory):
        self._directory = directory
        self._files = itertools.count()

    def run(self, url, *argv, timeout=60, **environment):
        return run([servers.carryall(), "--url", url, *argv], timeout=timeout, **environment)

    def _ok(self, url, *argv, **how):
        done = self.run(url, *argv, **how)
        if done.status != 0:
            raise Failed(f"exit status {done.status}: {done.err}")
        return done

    @staticmethod
    def _span(start, end, how):
        options = []
        for name, value in (("start", start), ("end", end), *how.items()):
            if value is not None:
                options += [f"--{name.replace('_', '-')}", str(value)]
        return options

    def fetch(self, url, channels, start=None, end=None, **how):
        path = self._directory / f"fetched-{next(self._files)}.arrow"
        self._ok(url, "fetch", *channels, *self._span(start, end, how), "-o", path)
        return read_arrow(path)

    def stream(self, url, channels, start=None, end=None, blocks=None, **how):
        done = self._ok(url, "stream", *channels, *self._span(start, end, how), "--json")
        return [_block_of_json(line) for line in done.out.splitlines()][:blocks]

    def find(self, url, pattern=".*", **filters):
        done = self._ok(url, "find", pattern, *self._span(None, None, filters), "--json")
        return [json.loads(line) for line in done.out.splitlines()]

    def count(self, url, pattern=".*", **filters):
        return int(self._ok(url, "count", pattern, *self._span(None, None, filters)).out)

    def describe(self, url, channels):
        lines = self._ok(url, "describe", *channels, "--json").out.splitlines()
        return {c["name"]: c for c in map(json.loads, lines)}


def read_arrow(path):
    """The block in an Arrow file of columns `time, <channel>...`, one list a row."""
    with ipc.open_file(path) as file:
        table = file.read_all()
    times = table["time"].to_pylist()
    data = {}
    for field in table.schema:
        if field.name == "time":
            continue
        values = pa.concat_arrays([c.flatten() for c in table[field.name].chunks])
        plain = values.fill_null(False if pa.types.is_boolean(values.type) else 0) \
            if values.null_count else values
        data[field.name] = np.ma.MaskedArray(
            plain.to_numpy(zero_copy_only=False),
            mask=values.is_null().to_numpy(zero_copy_only=False))
    return Block(times[0], data)


def _block_of_json(line):
    block = json.loads(line)
    data = {}
    for name, values in block["data"].items():
        data_type = block["channels"][name]["data_type"]
        data[name] = np.ma.MaskedArray(
            np.array([0 if v is None else v for v in values], data_type),
            mask=[v is None for v in values])
    return Block(block["time_ns"], data)


def make(name, directory):
    return {"stock": Stock, "python": OursInPython,
            "cli": lambda: OursOnTheCommandLine(directory)}[name]()


sys.path[:0] = [p for p in [str(servers.ROOT / "build/release/python")] if p not in sys.path]
