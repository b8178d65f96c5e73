"""The argument DIR of all subcommands that read a checkpoint."""

from __future__ import annotations

import click

checkpoint_argument = click.argument(
    "directory", type=click.Path(exists=True, file_okay=False), metavar="DIR"
)
