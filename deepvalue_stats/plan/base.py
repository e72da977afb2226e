"""What every part of a plan is: a frozen value that knows its settings and refuses all others."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Names = Annotated[tuple[str, ...], Field(strict=False)]
Codes = Annotated[tuple[int, ...], Field(strict=False)]
Span = Annotated[tuple[int, int], Field(strict=False)]
Anchor = Annotated[tuple[str, int], Field(strict=False)]
Days = Annotated[int, Field(ge=0)]

Rater = Literal["client", "practitioner", "observer"]


class Part(BaseModel):
    """A frozen piece of a plan that knows its settings and refuses all others."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False
    )
