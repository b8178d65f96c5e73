"""Options of GNU parallel, xargs and Hydra that ``paramsurvey run`` does not have, and what to write."""

from __future__ import annotations

from paramsurvey.engine.other_words import OTHER_WORDS as WORDS_OF_PYTHON

SAME = {  # what does the same here
    "-j N": (
        *("--jobs", "--max-procs", "-P", "--nprocs"),
        *(f"--{word.replace('_', '-')}" for word in WORDS_OF_PYTHON["ncores"]),
    ),
    "--zip": ("--link", "--xapply"),
    "-p NAME=@FILE": ("--arg-file", "-a"),
    "--psets FILE, whose first line has the names": ("--header",),
    "--colsep REGEX": ("-C",),
    "--tag=TEMPLATE": ("--tagstring",),
    "--follow": ("--line-buffer", "--linebuffer", "--lb", "--ungroup", "-u"),
    "--shuffle SEED": ("--shuf",),
    "--where 'a < b'": ("--filter",),
    "--chdir DIR": ("--workdir", "--wd", "--cwd"),
    "--results DIR": ("--files", "--outputasfiles"),
    "--memfree SIZE": ("--noswap", "--memsuspend"),
    "--backend ray": ("--sshlogin", "--sshloginfile", "--slf", "-S"),
    "-v 0": ("--quiet", "--silent"),
    "-v 3, or --dry-run": ("-t",),
    "--dry-run": ("--cfg", "--info"),
    "--config FILE": ("--config-name", "--config-path"),
    "--checkpoint DIR, and the same command again": ("--resume", "--resume-failed", "--retry-failed"),
}
ONE_LINE = "put what belongs together on a line: paste - - < FILE | paramsurvey run -p a,b=@- -- CMD {a} {b}"
LINES = "make lines of the items: tr , '\\n' < FILE | paramsurvey run -p NAME=@- ..."
ALL_RUN = "leave it out: all combinations run"
QUOTED = "leave it out: values are always quoted"
SHOWN = "leave it out: progress is shown on every terminal, and by paramsurvey watch DIR on others"
PARTS = "write each part of the input into a file (split), and -p 'f=glob(part*)' --shell -- '... < {f}'"
OTHERWISE = {  # what is done in another way, or not at all
    LINES: ("-d", "--delimiter"),
    ONE_LINE: ("-N", "-n", "-L", "-X", "--max-args", "--max-replace-args", "--max-lines", "--xargs"),
    ALL_RUN: ("-m", "--multirun"),
    QUOTED: ("-q", "--quote"),
    SHOWN: ("--bar", "--eta", "--progress"),
    PARTS: ("--pipe", "--pipepart", "--spreadstdin", "--block"),
    "write -p run=1..10 --unused ok": ("--repeat", "--times", "--repetitions"),
}


def words_for(option: str) -> str:
    """Return what to write instead of an option of another program; empty if it is none of theirs.

    Examples
    --------
    >>> words_for("--link"), words_for("--nonsense")
    ('write --zip', '')
    """
    same = {f"write {ours}": theirs for ours, theirs in SAME.items()}
    return next((words for words, theirs in (same | OTHERWISE).items() if option in theirs), "")
