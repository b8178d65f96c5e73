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
    """Return what a checkpoint notes of the function and its arguments, None where there is no checkpoint.

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

    What the user should read goes to `tell`; where results would be lost, to `warn`. `keep`
    is what the user types to keep the results of a changed program.

    Raises
    ------
    CheckpointError
        The directory cannot be used.
    """
    if program is None or options.checkpoint is None:
        return NoCheckpoint()
    from paramsurvey.checkpoint.store import CheckpointOptions, DirectoryCheckpoint

    wanted = CheckpointOptions(options.checkpoint, options.retry_failed, options.on_change, keep)
    return DirectoryCheckpoint(wanted, program, state, tell, warn)


def need_pyarrow() -> None:
    """Raise `PackageMissing` where pyarrow cannot be imported."""
    try:
        import pyarrow  # noqa: F401  (to see whether it can be)
    except ImportError as error:
        raise PackageMissing(
            f"a checkpoint needs pyarrow, and it cannot be imported ({error}): "
            "pip install 'paramsurvey[parquet]'"
        ) from error
