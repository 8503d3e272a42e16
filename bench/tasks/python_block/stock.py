"""The stock package arrakis 0.21.0."""

import arrakis
import arrakis.block
import arrakis.channel

from tasks.python_block.timed import Operation


def prepare(case):
    global operation
    operation = Operation(arrakis, case)
    return operation.answer()


def measure():
    return operation.measure()


def release():
    global operation
    operation = None
