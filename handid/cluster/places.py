"""Which cluster a text means, and whether its messages are safe there. It opens none."""

import ipaddress
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handid import given

INSTALL = 'A cluster needs Dask: pip install ".[cluster]".'
_COUNT = re.compile(r"0*[1-9][0-9]{0,8}")  # of workers
HOW = "write local, local:N, tcp://HOST:PORT, tls://HOST:PORT or the path of a YAML file"


class Local(BaseModel):
    """Workers on this machine: one per GPU, or as many as there are cores."""

    model_config = ConfigDict(extra="forbid")
    workers: int = Field(0, ge=0)


class Address(BaseModel):
    """A scheduler that runs already.

    Attributes:
        address: tcp://HOST:PORT or tls://HOST:PORT.
        ca, cert, key: files of TLS; Dask's own configuration where they are left out.
        plain: True for a network whose every user may run code as you.
        patient: True where a batch system brings the workers, however long that takes.
    """

    model_config = ConfigDict(extra="forbid")
    address: str
    ca: str = ""
    cert: str = ""
    key: str = ""
    plain: bool = False
    patient: bool = False

    def beside(self, folder: Path) -> "Address":
        """The same, with the names of files counted from a folder: that of the YAML file."""
        files = {name: getattr(self, name) for name in ("ca", "cert", "key")}
        found = {n: str(folder.absolute() / Path(f).expanduser()) for n, f in files.items() if f}
        return self.model_copy(update=found)


class Queue(BaseModel):
    """Workers that a batch system starts.

    Attributes:
        queue: which system.
        jobs: how many workers, one a job.
        options: of dask-jobqueue's class for it: queue, account, cores, memory, walltime, ...
    """

    model_config = ConfigDict(extra="forbid")
    queue: Literal["slurm", "pbs", "lsf", "sge", "oar", "moab", "htcondor"]
    jobs: int = Field(ge=1)
    options: dict[str, Any] = {}


Place = Local | Address | Queue
# What a file that describes none may raise: the system, YAML's constructors, a path with ~.
_UNREADABLE = (OSError, ValueError, TypeError, AttributeError, LookupError, RuntimeError)
_UNREADABLE += (yaml.YAMLError,)


def place(where: str) -> Place:
    """What a text means: local, local:N, an address, or the YAML file of an address or a queue.

    Raises:
        ValueError: one sentence.
    """
    text = where if isinstance(where, str) else ""
    kind, colon, count = text.partition(":")
    if kind == "local" and (not colon or _COUNT.fullmatch(count)):
        return Local(workers=int(count or 0))
    if "://" in text:
        return _checked(Address(address=text))
    file = given.place(text or ".")
    if file.suffix not in (".yaml", ".yml") or not file.is_file():
        raise ValueError(f"Cluster {given.shown(where)}: {HOW}.")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(content, Mapping):
            raise ValueError("it must name an address or a queue")
        kinds = Queue if "queue" in content else Address
        found = kinds.model_validate(content)
        if isinstance(found, Address):
            found = found.beside(file.parent)
    except ValidationError as error:
        first = error.errors()[0]
        name, known = ".".join(map(str, first["loc"])), ", ".join(kinds.model_fields)
        raise ValueError(f"{file.name}: {name}: {first['msg']}; it may hold {known}.") from None
    except _UNREADABLE as error:
        line = given.printable(str(error).split("\n")[0].rstrip("."))
        raise ValueError(f"{file.name} describes no cluster: {line}.") from None
    return _checked(found) if isinstance(found, Address) else found


def _checked(found: Address) -> Address:
    """Refuse an address that cannot be one, and one where others could listen or write."""
    try:
        parts = urlsplit(found.address)
        host, scheme, has_port = parts.hostname or "", parts.scheme, bool(parts.port)
        host.encode("idna")  # as whoever looks for it will: no part is empty or too long
    except ValueError:
        host, scheme, has_port = "", "", False
    if scheme not in ("tcp", "tls") or not host or not has_port:
        raise ValueError(f"Cluster {given.shown(found.address)} is no address: {HOW}.")
    if scheme == "tcp" and not found.plain and not _is_this_machine(host):
        raise ValueError(
            f"{found.address} is another machine, and Dask's messages can carry code: use "
            f"tls://{host}:{parts.port} with certificates (docs/cluster.md), or, if everybody on "
            f"that network may act as you, a YAML file with 'address: {found.address}' and "
            "'plain: true'."
        )
    return found


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(socket.getaddrinfo(host, None)[0][4][0]).is_loopback
    except (OSError, ValueError):  # a name that nobody knows is refused when it is called
        return False
