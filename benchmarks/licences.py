"""The licence of every dependency in constraints.txt, as its installed package states it."""

import re
from importlib import metadata
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
PIN = re.compile(r"^([\w.-]+)==([^ ;]+)(?: *;(.*?))? *\\?$", re.M)


def licence(package: str) -> str:
    """In the package's own words, shortened to their first line; empty if it states none."""
    about = metadata.metadata(package)
    expression = about.get("License-Expression")
    classifiers = about.get_all("Classifier") or []
    named = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: ")]
    named = [name for name in named if name != "OSI Approved"]
    text = (about.get("License") or "").strip().split("\n")[0][:60]
    return expression or ", ".join(named) or text


def main() -> None:
    print("# Licences of the dependencies\n")
    print("As each package states it; made by `make licences`. HandID's own is MIT.\n")
    print("| package | version | licence |\n|---|---|---|")
    for name, version, marker in PIN.findall(CONSTRAINTS.read_text()):
        try:
            stated = licence(name) or "none stated"
        except metadata.PackageNotFoundError:
            stated = f"not installed here: only for {marker.strip()}"
        print(f"| {name} | {version} | {stated.replace('|', '/')} |")


if __name__ == "__main__":
    main()
