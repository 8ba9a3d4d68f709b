"""[web]: the local page."""

from pathlib import Path
from typing import Annotated

from kwsd import limits
from kwsd.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """[web]: where `kwsd-web` shows its page, and by which names browsers may ask for it."""

    host: Annotated[str, limits.Text(longest=255)] = "127.0.0.1"
    """Address to listen at; anything but this machine's own is seen by others."""
    port: Annotated[int, limits.PORT] = 8373
    """Port; 0 takes any that is free."""
    names: tuple[Annotated[str, limits.Text(longest=255)], ...] = ()
    """Host names, beside addresses, that a browser may ask for the page by; a name of others' is refused."""
    tls_cert: Path | None = None
    """Certificate, PEM. With it the page is https, and a browser on another machine lends its microphone."""
    tls_key: Path | None = None
    """The certificate's key, PEM."""
    curves: Path | None = None
    """What `kwsctl tune --json` printed, shown where thresholds are dragged; None is what it measured last."""
    token_file: Path | None = None
    """File of the token that opens the page; None is one of this user's own, made when it is missing."""
