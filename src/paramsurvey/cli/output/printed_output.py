"""What commands print, passed on: to a pipe or a file as it is, to a terminal without what it would obey."""

from __future__ import annotations

import codecs
from contextlib import suppress
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


class VerbatimOutput:
    """Decodes bytes, and has a stream to the same pipe or file that writes the text as these very bytes.

    A terminal, and a stream that is not a file, get text instead: bytes that are not UTF-8 are escaped.

    Parameters
    ----------
    stream : text file

    Attributes
    ----------
    stream : text file
        Where to write the texts.
    is_terminal : bool
    """

    def __init__(self, stream: TextIO) -> None:
        self.is_terminal = stream.isatty()
        self.stream, self._errors = stream, "backslashreplace"
        if not self.is_terminal and (reopened := _reopened(stream)) is not None:
            self.stream, self._errors = reopened, "surrogateescape"
        self._is_own = self.stream is not stream

    def text(self, data: bytes) -> str:
        """Return what to write so that the file gets these bytes."""
        return data.decode("utf-8", self._errors)

    def close(self) -> None:
        """Write nothing more; the stream that was given stays open."""
        if self._is_own:
            with suppress(OSError, ValueError):  # a write that failed has already said so
                self.stream.close()


def _reopened(stream: TextIO) -> TextIO | None:
    """Return a UTF-8 stream into the same file that can also write other bytes; None if there is no file."""
    try:
        descriptor = stream.fileno()
        stream.flush()  # what was printed earlier comes first
    except (OSError, ValueError, AttributeError):
        return None
    return open(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="", closefd=False)
