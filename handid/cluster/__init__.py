"""Jobs on the workers of a Dask cluster. It knows nothing of hands.

Dask's messages are pickles: whoever can write to a scheduler's port runs any code as its user.
Beyond this machine an address therefore needs TLS, or the word `plain`.
"""

from handid.cluster.connection import check
from handid.cluster.places import place
from handid.cluster.work import number, run

__all__ = ["check", "number", "place", "run"]
