"""As in convert_row."""

from tasks.convert_row.limit import measure, prepare, release  # noqa: F401
