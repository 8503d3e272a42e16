"""Ours, through the Python package."""

import carryall
import carryall.block
import carryall.channel

from tasks.python_block.timed import Operation


def prepare(case):
    global operation
    operation = Operation(carryall, case)
    return operation.answer()


def measure():
    return operation.measure()


def release():
    global operation
    operation = None
