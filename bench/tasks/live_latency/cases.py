"""live_latency: from the end of a block to the hands of a subscriber, who is on the machine of
broker, server and publisher: 200 channels of float32 at 16384 Hz, strides of 1/16 s, from our
publisher (stock's cannot keep up), sent when a block's time is over.

Measuring begins `WARM_S` after each subscriber has had a block: by then what was published while
they started, 20 processes on two cores, has been made up for.

A row is a percentile over all blocks of all subscribers of a run; the rows of `p50` and `p99`
are of the same runs. The limit is one bare librdkafka producer and one consumer, whoever else
subscribes: messages of the same sizes in the topics that carry what is wanted. A block that
does not come whole within GIVE_UP_S of the run's end counts with the time waited for it."""

from tasks.publish import cases as publish

STRIDES = {1: 32, 20: 16}  # by subscribers
GIVE_UP_S = 2
READY_S, LONGEST_S = 5, 30  # until every subscriber has something; a run
WARM_S = 1
PREPARE_ALONE = True  # an answer is a run, and stock's needs both cores
CASES = [{"case": f"wanted={wanted}/subs={subs}/{percentile}", "unit": "ms",
          "floor": {"ratio_stock": 1, "over_limit": {"p50": 2, "p99": 5}[percentile]}}
         for wanted in (1, 20, 200) for subs in (1, 20) for percentile in ("p50", "p99")]


def parse(case: str) -> tuple[int, int, int]:
    """Channels wanted, subscribers, percentile."""
    wanted, subs, percentile = case.split("/")
    return (int(wanted.partition("=")[2]), int(subs.partition("=")[2]),
            int(percentile.removeprefix("p")))


def names(wanted: int) -> list[str]:
    """Spread evenly over all channels, and so over their partitions."""
    return [f"X1:BEN-CH_{i * publish.COUNT // wanted:03d}" for i in range(wanted)]
