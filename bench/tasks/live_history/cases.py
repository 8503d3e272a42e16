"""live_history: 12 s of 200 channels of float32 at 16384 Hz out of retention: published before,
then fetched through the server, the result as numpy. What comes after the span is in the topics
too, so nobody has to wait for its end."""

from tasks.publish import cases as publish

SECONDS = 12
CASES = [{"case": f"{publish.COUNT}x{SECONDS}s", "unit": "s", "floor": {"ratio_stock": 6}}]
