"""PgQueuer on psqlpy: `pgq --driver psqlpy`, or a driver over a pool of yours.

`create_pool` makes a pool as the settings of the queue say, `open_psqlpy` an entered driver.
"""

from pgqueuer_psqlpy.connections import create_pool, open_psqlpy
from pgqueuer_psqlpy.driver import PsqlpyDriver
from pgqueuer_psqlpy.errors import PsqlpyError, PsqlpyValueError

__all__ = ["PsqlpyDriver", "PsqlpyError", "PsqlpyValueError", "create_pool", "open_psqlpy"]
