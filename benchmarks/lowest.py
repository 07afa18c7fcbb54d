"""Which versions are installed where the lowest of pyproject.toml were asked for."""

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement


def main() -> None:
    content = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    project = tomllib.loads(content)["project"]
    extras = project["optional-dependencies"]
    print("| package | lowest allowed | tried |\n|---|---|---|")
    for line in [*project["dependencies"], *extras["cnn"], *extras["test"]]:
        wanted = Requirement(line)
        (lowest,) = [bound.version for bound in wanted.specifier if bound.operator == ">="]
        print(f"| {wanted.name} | {lowest} | {metadata.version(wanted.name)} |")


if __name__ == "__main__":
    main()
