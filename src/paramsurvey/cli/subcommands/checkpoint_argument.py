"""The argument DIR of all subcommands that read a checkpoint."""

from __future__ import annotations

import click

from paramsurvey.cli.options.types import FilePath

checkpoint_argument = click.argument("directory", type=FilePath(exists=True, file_okay=False), metavar="DIR")
