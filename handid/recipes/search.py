"""Which values of a recipe a tuning may choose, within which bounds, and why. It tunes nothing."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

Value = float | int | str | bool | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Range(_Strict):
    """The values that a key of a recipe may take: between two numbers, or one of some.

    `log` draws the logarithm evenly, `whole` gives whole numbers.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False
    one_of: list[Value] = []

    @model_validator(mode="after")
    def _one_kind(self) -> "Range":
        if bool(self.one_of) == (self.low is not None and self.high is not None):
            raise ValueError("give low and high, or one_of")
        if self.low is not None and self.high is not None:
            if not self.low < self.high:
                raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
            if self.log and self.low <= 0:
                raise ValueError(f"low {self.low:g} has no logarithm")
        return self

    @property
    def ends(self) -> list[Value]:
        """The values that must be possible for all others to be: both bounds, or each choice."""
        if self.one_of:
            return self.one_of
        bounds = [self.low, self.high]
        return [int(bound) if self.whole else bound for bound in bounds if bound is not None]

    def holds(self, value: Any) -> bool:
        """Whether a value lies in it."""
        if self.one_of or self.low is None or self.high is None:
            return value in self.one_of
        return isinstance(value, int | float) and self.low <= value <= self.high


class Search(_Strict):
    """What a tuning may choose: `values` by the recipe's key, and the `reason` for just these.

    A key is one that `recipes.load` can change; `learning_rate.backbone`, `learning_rate.new` and
    `loss_weights.NAME` reach into the stages that train on images.
    """

    reason: Annotated[str, Field(min_length=1)]
    values: Annotated[dict[str, Range], Field(min_length=1)]
