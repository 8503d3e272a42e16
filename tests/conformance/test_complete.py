"""Every case that is in force has a test."""

import pathlib
import re


def numbered(letter, *numbers):
    return {f"{letter}{n}" for n in numbers}


IN_FORCE = (numbered("E", *range(1, 10)) | numbered("F", *range(1, 13))
            | numbered("N", *range(1, 6), 8) | numbered("D", *range(1, 8))
            | numbered("S", *range(1, 16), 19) | numbered("A", *range(1, 5))
            | numbered("K", *range(1, 11))
            | numbered("P", *range(1, 5), 9, 10) | numbered("T", *range(1, 13)))


def test_every_case_has_a_test():
    tests = pathlib.Path(__file__).parents[1]
    covered = {case for path in tests.glob("*/test_*.py")
               for case in re.findall(r'mark\.case\("([A-Z]\d+)"', path.read_text())}
    assert IN_FORCE <= covered, sorted(IN_FORCE - covered)
