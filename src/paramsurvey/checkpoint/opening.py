"""Opening the checkpoint that the options of a map ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paramsurvey.engine.checkpoint import Checkpoint, NoCheckpoint
from paramsurvey.errors import PackageMissing

if TYPE_CHECKING:
    from paramsurvey.checkpoint.same_program import Program
    from paramsurvey.engine.map_state import MapState
    from paramsurvey.engine.options import Options


def program_to_store(options: Options, function: Any) -> Program | None:
    """Return what a checkpoint stores about the function and its arguments; None if there is no checkpoint.

    Raises
    ------
    PackageMissing
        pyarrow is not installed.
    """
    if options.checkpoint is None:
        return None
    need_pyarrow()
    from paramsurvey.checkpoint.same_program import Program

    return Program.of(function, options.user_kwargs, options.store_user_kwargs)


def open_checkpoint(
    options: Options,
    program: Program | None,
    state: MapState,
    tell: Callable[[str], None],
    warn: Callable[[str], None],
    keep: str,
) -> Checkpoint:
    """Return the checkpoint that the options ask for.

    Messages to the user go to `tell`, or to `warn` if results would be lost. `keep` is what the user types to
    keep the results of a changed program.

    Raises
    ------
    CheckpointError
        The directory cannot be used.
    """
    if program is None or options.checkpoint is None:
        return NoCheckpoint()
    from paramsurvey.checkpoint.store import CheckpointOptions, DirectoryCheckpoint

    chosen = CheckpointOptions(options.checkpoint, options.retry_failed, options.on_change, keep)
    return DirectoryCheckpoint(chosen, program, state, tell, warn)


def need_pyarrow() -> None:
    """Raise `PackageMissing` if pyarrow cannot be imported."""
    try:
        import pyarrow  # noqa: F401  (to see whether that works)
    except ImportError as error:
        raise PackageMissing(
            f"a checkpoint needs pyarrow, which cannot be imported ({error}): "
            "pip install 'paramsurvey[parquet]'"
        ) from error
