"""What everybody who clones this sees: files in git, dependencies, licences."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "handid"
# Built from pieces, so that this file does not name such a place itself.
PLACES = "|".join(("home", "Users", "root", "work", "mnt", "media", "scratch"))
PRIVATE_PATH = re.compile(rf"(?<![\w.~$}}*-])/({PLACES})/\w|\b[A-Z]:\\{{1,2}}Users", re.ASCII)
INVENTED = {"/home/" + "alice"}  # the person of the tests


def in_git():
    """Every file that git tracks or would."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git repository")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_place_on_one_machine():
    found = []
    for path in in_git():
        content = path.read_bytes().decode("utf-8", "ignore")
        for name in INVENTED:
            content = content.replace(name, "")
        places = [match[0] for match in PRIVATE_PATH.finditer(content)]
        own = [home for home in (str(ROOT), str(Path.home())) if f"{home}/" in content]
        found += [(str(path.relative_to(ROOT)), place) for place in places + own]
    assert found == []


def test_the_check_for_private_places_sees_them():
    for place in ("/" + "home/bob/hands", "'/" + "work/main'", "C:" + "\\Users\\bob"):
        assert PRIVATE_PATH.search(place), place
    for place in (
        "https://example.org/" + "home/x",
        "../" + "work/x",
        "$HOME/" + "work/a",
        "/dev/full",
    ):
        assert not PRIVATE_PATH.search(place), place


MINIS = ("mini-ViT", "mini-RN", "mini-Lite0")


def test_no_photograph_no_weights_but_the_minis_and_nothing_large_is_in_git():
    shipped = {PACKAGE / "weights" / f"{name}.safetensors" for name in MINIS}
    others = [path for path in in_git() if path not in shipped]
    names = [path.name for path in others]
    assert not [n for n in names if re.match(r"HandInfo\.csv|Hand_\d+\.jpg", n)]
    assert not [n for n in names if n.endswith((".pt", ".pth", ".pkl", ".safetensors"))]
    assert [str(p.relative_to(ROOT)) for p in others if p.stat().st_size > 1_200_000] == []


def test_no_log_and_no_empty_file_is_in_git():
    left = [path for path in in_git() if path.suffix == ".log" or not path.stat().st_size]
    assert [str(path.relative_to(ROOT)) for path in left] == []  # what a run left here


# --- what it needs ------------------------------------------------------------------------------

CONDA_NAMES = {"pytorch": "torch"}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared():
    """name -> accepted versions, of the package and of all that it may be asked for beside."""
    extras = project()["optional-dependencies"].values()
    lines = [*project()["dependencies"], *(line for extra in extras for line in extra)]
    wanted = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one.specifier for one in wanted}


def environment():
    """name -> accepted versions of environment.yml, and the options of its pip section."""
    content = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [one["pip"] for one in content["dependencies"] if isinstance(one, dict)]
    conda = [one for one in content["dependencies"] if isinstance(one, str)]
    wanted = [Requirement(line) for line in conda + [p for p in pip if not p.startswith("-")]]
    names = [canonicalize_name(CONDA_NAMES.get(one.name, one.name)) for one in wanted]
    assert len(names) == len(set(names))
    versions = dict(zip(names, (one.specifier for one in wanted), strict=True))
    return versions, [line for line in pip if line.startswith("-")]


def test_every_dependency_has_a_lower_bound():
    assert len(declared()) > 15
    for name, versions in declared().items():
        assert any(bound.operator == ">=" for bound in versions), name


def test_the_conda_environment_asks_for_what_the_package_asks_for():
    versions, options = environment()
    assert versions.pop("python") == SpecifierSet(project()["requires-python"])
    versions.pop("pip")
    assert versions == declared()
    assert options == ["-e ."]


def pins():
    """Every pin of constraints.txt, and the digests of its files."""
    text = (ROOT / "constraints.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pairs = [line.partition(" --hash=") for line in lines]
    return [(Requirement(pin), hashes.split("--hash=")) for pin, _, hashes in pairs]


def test_every_dependency_is_pinned_to_a_version_in_its_range():
    pinned = {canonicalize_name(pin.name): pin.specifier for pin, _ in pins()}
    assert len(pins()) == len({(canonicalize_name(p.name), str(p.marker)) for p, _ in pins()})
    for name, versions in declared().items():
        (bound,) = pinned[name]
        assert bound.operator == "==" and versions.contains(bound.version), name


def test_a_constraint_is_a_name_a_version_and_digests_and_no_place():
    for pin, hashes in pins():
        assert re.fullmatch("==[0-9][\\w.]*", str(pin.specifier)) and not pin.url and not pin.extras
        assert all(re.fullmatch("sha256:[0-9a-f]{64} *", digest) for digest in hashes), pin


def test_every_pin_has_its_licence_in_the_table():
    listed = (ROOT / "docs" / "licences.md").read_text()
    for pin, _ in pins():
        assert f"| {pin.name} | {str(pin.specifier)[2:]} |" in listed
