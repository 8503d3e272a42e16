"""`carryall serve kafka` and subscribers with our C++ client, each a process (ours.cc)."""

from harness.brokers import Site
from tasks.live_latency import cases
from tasks.live_latency.timed import Contender, Published, start_program
from tasks.publish import cases as publish


class Ours(Published):
    def subscribers(self, wanted, count):
        return [start_program("subscribe", self.site.server.url, *cases.names(wanted))
                for _ in range(count)]


contender = Contender(lambda: Ours(Site(publish.publisher_file(), ours=True)))
prepare, measure = contender.prepare, contender.measure
release, end = contender.release, contender.end
