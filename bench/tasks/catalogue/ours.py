"""`carryall serve kafka` on a catalogue that ours.cc has filled."""

import subprocess

from tasks.catalogue import cases
from tasks.catalogue.timed import PROGRAM, Contender


def serve(broker):
    return broker.serve_ours()


def fill(broker, total: int) -> None:
    rows = "".join("\t".join(map(str, row)) + "\n" for row in cases.channels(total))
    subprocess.run([str(PROGRAM), "adopt", str(broker.our_catalogue), cases.PUBLISHER],
                   input=rows, text=True, check=True, timeout=300)


contender = Contender(fill, serve)
prepare, measure = contender.prepare, contender.measure


def release():
    pass


end = contender.stop
