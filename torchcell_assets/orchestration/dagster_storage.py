"""Where Dagster keeps its events, if that is a database server: one that does not answer is one sentence.

Belongs here: telling that from other errors. Does not: SQLite in the data root, whose refusals are a disk's (storage/atomic.py).
"""

import contextlib
import logging
import os
from collections.abc import Iterator

from torchcell_assets.errors import TorchcellError, chain


class DagsterStorageUnreachable(TorchcellError):
    """The database in which Dagster keeps its events cannot be used."""


@contextlib.contextmanager
def reached() -> Iterator[None]:
    """While the block runs, a database server that does not answer raises DagsterStorageUnreachable, and is not told before.

    What the database says names host, port, user and database; it never names a password.
    """
    logging.getLogger().addFilter(_is_no_retry)
    try:
        yield
    except TorchcellError:
        raise
    except Exception as error:
        if why := _refused(error):
            raise DagsterStorageUnreachable(
                f"Dagster's database cannot be used: {why}. Start it, or mend `storage` in "
                f"{os.environ.get('DAGSTER_HOME', 'DAGSTER_HOME')}/dagster.yaml."
            ) from error
        raise
    finally:
        logging.getLogger().removeFilter(_is_no_retry)


def _is_no_retry(record: logging.LogRecord) -> bool:
    """Dagster tries half a dozen times within seconds, and shows the whole error each time."""
    return not record.getMessage().startswith("Retrying failed database connection")


def _refused(error: BaseException) -> str | None:
    """The first line of what a driver of Postgres says; None if none stands behind `error`."""
    for one in chain(error):
        if type(one).__module__.startswith("psycopg") and type(one).__name__ == "OperationalError":
            return str(one).strip().splitlines()[0].rstrip(". ")
    return None
