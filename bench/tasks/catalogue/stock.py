"""Stock server 0.17.2 with backend 0.14.0. Its SQLite file has the channels as if a server had
told it of them."""

import sqlite3

from tasks.catalogue import cases
from tasks.catalogue.timed import Contender


def serve(broker):
    return broker.serve_stock()


def fill(broker, total: int) -> None:
    serve(broker).stop()  # makes the file
    database = sqlite3.connect(broker.stock_cache / "arrakis" / "metadata.db")
    with database:
        database.execute(
            "INSERT INTO publisher_info (publisher_id, stride, max_latency, dynamic)"
            " VALUES (?, ?, ?, 1)", (cases.PUBLISHER, cases.STRIDE, cases.LATENCY))
        database.executemany(
            "INSERT INTO partition_metadata VALUES (?, ?)",
            ((f"{cases.PUBLISHER}_{i:03d}", total // cases.PARTITIONS)
             for i in range(cases.PARTITIONS)))
        database.executemany(
            "INSERT INTO channels (name, data_type, sample_rate, publisher, partition_id,"
            f" partition_index, stride, max_latency) VALUES (?, ?, ?, '{cases.PUBLISHER}', ?, ?,"
            f" {cases.STRIDE}, {cases.LATENCY})", cases.channels(total))
    database.close()


contender = Contender(fill, serve)
prepare, measure = contender.prepare, contender.measure


def release():
    pass


end = contender.stop
