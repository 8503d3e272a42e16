"""What a C++ client waits for at a server of live data with a million channels: the first rows
of a find, the description of 10,000 names, counts; and how long such a server takes to start.
Stock's server takes 9 to 58 s for one of these questions, so it is compared with 50,000.

Both servers have the channels from others (nobody publishes them here), so neither announces
anything meanwhile: ours from a program that adopts them, stock's in the SQLite file it keeps.
There are 100 partitions whatever the number, so that the broker has 100 topics to tell of.
Patterns: everything; a subsystem; words anywhere; a class of characters and an end."""

PARTITIONS, DESCRIBED = 100, 10_000
STRIDE, LATENCY = 62_500_000, 1_000_000_000
PUBLISHER = "BENCH"
RATES = (16, 256, 1024, 16384)
KINDS = ("EXCMON", "IN1_DQ", "OFFSET", "OUT_DQ")

# What is asked, the pattern, and the floor in ms for a million channels.
QUESTIONS = {
    "find/all/first": ("first", ".*", 20),
    "find/regex/first": ("first", r".*[37]_EXCMON$", 20),
    "describe/10000": ("describe", None, 50),
    "count/all": ("count", ".*", 5),
    "count/prefix": ("count", "H1:S012-.*", 5),
    "count/words": ("count", ".*S012.*OFFSET", 100),
    "count/regex": ("count", r"[HL]1:.*[37]_EXCMON$", 100),
    "start": ("start", None, 1000),
}
CASES = [{"case": f"1000000/{question}", "unit": "ms", "contenders": ("ours",),
          "floor": {"ours": floor}} for question, (*_, floor) in QUESTIONS.items()]
CASES += [{"case": f"50000/{question}", "unit": "ms", "floor": {"ratio_stock": 1}}
          for question in QUESTIONS]


def parse(case: str) -> tuple[int, str, str | None]:
    """Channels in all, what is asked, the pattern."""
    total, _, question = case.partition("/")
    return (int(total), *QUESTIONS[question][:2])


def channels(total: int):
    """Name, data type, rate, partition and index of each, in the order of their names."""
    half, per_partition = total // 2, total // PARTITIONS
    for i in range(total):
        domain, k = ("H1", "L1")[i // half], i % half
        yield (f"{domain}:S{k // 1000:03d}-SENSOR_{k % 1000 // 4:03d}_{KINDS[k % 4]}", "float32",
               RATES[k // 4 % 4], f"{PUBLISHER}_{i // per_partition:03d}", i % per_partition)


def described(total: int) -> list[str]:
    """Names from all over the catalogue."""
    step = total // DESCRIBED
    return [name for i, (name, *_) in enumerate(channels(total)) if i % step == step // 2]
