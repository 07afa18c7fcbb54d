"""Values in YAML: profiles and --set are read as plain values alone."""

from typing import Any

import yaml

from handid.runner.refusal import short


class _Plain(yaml.SafeLoader):
    """YAML for plain values alone: no Python objects, and nothing that refers to another value."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse `*name`: a few of them name a value of any size, or one that holds itself."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("a value cannot refer to another one")
        return super().compose_node(parent, index)


def read_yaml(text: str) -> Any:
    """The value of a text in YAML; profiles and --set are read by this alone.

    Raises:
        ValueError: if it is none; says why, in a few words.
    """
    try:
        return yaml.load(text, _Plain)
    except yaml.MarkedYAMLError as error:
        reason = f"{error.problem}{_line(error)}"
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError) as error:
        reason = str(error) or type(error).__name__
    except RecursionError:
        reason = "it is nested too deeply"
    raise ValueError(short(" ".join(reason.split())))


def _line(error: yaml.MarkedYAMLError) -> str:
    return f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
