"""[fallback]: the fixed set of ten commands, beside the open vocabulary or instead of it."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from kwsd.config.section import Section


def _several(value: Any) -> Any:
    """A lone text is a list of one; in the environment, commas separate."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


class Fallback(Section):
    """[fallback]: yes, no, up, down, left, right, on, off, stop, go, at a tenth of the cost."""

    mode: Literal["off", "alongside", "only", "auto"] = "off"
    """`alongside` hears both, `only` never loads the open-vocabulary model, `auto` stands in when that one cannot."""
    engine: Literal["ds-cnn", "nc-ssm"] = "ds-cnn"
    """`ds-cnn` looks at windows of a second and is more exact; `nc-ssm` decides at every frame and costs less."""
    hop_s: Annotated[float, Field(ge=0.02, le=0.98)] = 0.16
    """Seconds from one window of the DS-CNN to the next."""
    hold_s: Annotated[float, Field(ge=0, le=2)] | None = None
    """A word is reported once its score has not risen for this long, seconds: by then it is heard what follows.
    None takes the engine's own."""
    alone: bool = True
    """Report a word only when nothing nearly as loud sounds right before and after it."""
    refractory_s: Annotated[float, Field(ge=0, le=60)] = 0.5
    """Seconds after a word in which nothing else is reported."""
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """Score that fires, for all words; None takes each word's own. The keyword file may give one by word."""
    words: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    """Words to report; empty means those of the keyword file, or all ten where it has none of them."""
