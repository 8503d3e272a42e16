"""An independent publisher in Rust: it registers its channels and publishes by itself, and our
package finds its channels."""

import pytest

from harness import clients, rust
from harness.sites import STRIDE
from harness.topics import Topics, rows

START = 1_400_000_000 * 10**9
NAMES = ["R1:RST-A", "R1:RST-B", "R1:OTHER-C"]
COUNT = 4


@pytest.mark.timeout(1800)
@pytest.mark.case("3.1")
def test_what_it_publishes(broker, site, publisher_id, kind):
    clients  # it puts our package on the path
    import carryall
    site.publisher(publisher_id, dynamic=True)
    with site.start(kind) as server:
        assert rust.peer()(server, "publish", publisher_id, START, 5, *NAMES) == 5
        known = {c.name: c for c in carryall.Client(server.url).find(publisher=publisher_id)}
        # What is known keeps its place.
        assert carryall.Publisher(publisher_id, server.url).register().channels == known
    assert set(known) == set(NAMES)
    for channel in known.values():
        messages = Topics(broker.address).read(f"arrakis-{channel.partition_id}", 5)
        for number, message in enumerate(messages):
            time_ns, data = rows(message)
            assert time_ns == START + number * STRIDE
            assert data[channel.partition_index] == list(
                range(number * COUNT, (number + 1) * COUNT))
