"""What happens before each example of the gallery: it begins with a session that nobody has used."""

from __future__ import annotations

from typing import Any

import paramsurvey


def start_afresh(gallery_conf: dict[str, Any], fname: str) -> None:
    """Give the example a session of its own, which leaves no log file beside it."""
    paramsurvey.init(pslogger_prefix=None)
