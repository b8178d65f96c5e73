"""What commands print, passed on: to a pipe or a file as it is, to a terminal without what it would obey."""

from __future__ import annotations

import codecs
from typing import TextIO

from paramsurvey.transport.safe_text import safe_output


class PrintedOutput:
    """A stream of ours that gets what commands print.

    A command may print what strangers have written, which could change a terminal's title, clear it, or forge
    lines. Colors are kept.

    Parameters
    ----------
    stream : text file
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def write(self, data: bytes, is_last: bool = False) -> None:
        """Pass some bytes on; half a character waits for its other half, unless nothing follows."""
        buffer = getattr(self._stream, "buffer", None)
        if buffer is not None and not self._is_terminal:
            self._stream.flush()
            buffer.write(data)
        else:
            text = self._decoder.decode(data, is_last)
            self._stream.write(safe_output(text) if self._is_terminal else text)
        self._stream.flush()
