"""What the servers of one site stand on: brokers, publisher configurations, and a directory
that keeps what was registered from one start to the next."""

import shutil
import sys

from harness import servers
from harness.processes import clean_environment

STRIDE = 62_500_000
MAX_LATENCY = 1_000_000_000


def settled(live, check):
    """The blocks of a live stream from the first that passes `check` on; all after it must
    too. Of the first strides some partitions may have come before their topic was read."""
    for first, block in enumerate(live[:len(live) // 2]):
        try:
            check(block)
            break
        except AssertionError:
            continue
    for block in live[first:]:
        check(block)
    return live[first:]


class Site:
    def __init__(self, directory, brokers):
        self.directory, self.brokers = directory, brokers
        self.configs = directory / "publishers"
        self.configs.mkdir(parents=True)

    @property
    def catalogue(self):
        return self.directory / "catalogue.db"

    def publisher(self, publisher_id, channels=(), dynamic=False, replay_id=None,
                  stride=STRIDE, max_latency=MAX_LATENCY):
        """Writes the configuration of a publisher; `channels`: (name, data type, rate)."""
        lines = ["[publisher]", f'publisher_id = "{publisher_id}"', f"stride = {stride}",
                 f"max_latency = {max_latency}", f"dynamic = {str(dynamic).lower()}"]
        if replay_id is not None:
            lines.append(f'replay_id = "{replay_id}"')
        for name, data_type, rate in channels:
            lines += [f'["{name}"]', f'data_type = "{data_type}"', f"sample_rate = {rate}"]
        path = self.configs / f"{publisher_id}.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def arguments(self, kind, *more, retention=900):
        own = ["--catalogue", self.catalogue] if kind == "ours" else []
        configs = ["--publisher-config", self.configs] if any(self.configs.iterdir()) else []
        return ["--kafka-url", self.brokers, *configs, "--retention-time", retention,
                "--replication-factor", 1, *own, *more]

    def start(self, kind, *more, retention=900, environment=None, **how):
        """A server of either kind, with `environment` besides; what it keeps, the next one of
        its kind finds."""
        env = clean_environment(**(environment or {}))
        if kind == "stock":
            # It keeps its catalogue where gpstime keeps its leap seconds.
            cache = self.directory / "cache"
            if not cache.exists():
                shutil.copytree(f"{sys.prefix}/cache", cache)
            env["XDG_CACHE_HOME"] = str(cache)
        return servers.start(kind, *self.arguments(kind, *more, retention=retention),
                             backend="kafka", env=env, **how)
