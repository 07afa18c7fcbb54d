"""A cluster for a whole run of notebooks: `python -m handid.cluster WHERE FILE`.

It opens a cluster, writes FILE, which says where it is, and closes it when its standard input ends.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from handid import disk
from handid.cluster.connection import opened
from handid.cluster.places import Address, Queue, place

if TYPE_CHECKING:
    from distributed.security import Security


def main(where: str, file: str) -> None:
    """Open a cluster, write where it is, and close it when the standard input ends."""
    try:
        found = place(where)
        assert not isinstance(found, Address)  # such a one is open
        with opened(found) as cluster:
            patient = isinstance(found, Queue)
            content = {"address": cluster.scheduler_address, "patient": patient}
            content |= _certificates(cluster.security, Path(file).parent)
            with disk.whole(file) as part:
                part.write_text(yaml.safe_dump(content), encoding="utf-8")
            sys.stdin.read()
    except ValueError as error:
        disk.write_json(Path(file).with_suffix(".json"), {"refused": str(error)})


def _certificates(security: "Security", folder: Path) -> dict[str, str]:
    """The certificates that a cluster made for itself, as files beside its address."""
    made = {"ca": security.tls_ca_file, "cert": security.tls_client_cert}
    made = {name: text for name, text in (made | {"key": security.tls_client_key}).items() if text}
    for name, text in made.items():
        with disk.whole(folder / f"{name}.pem") as part:
            part.write_text(text, encoding="utf-8")
    return {name: str(folder / f"{name}.pem") for name in made}


if __name__ == "__main__":
    main(*sys.argv[1:])
