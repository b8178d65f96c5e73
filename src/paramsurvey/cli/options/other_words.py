"""Options of GNU parallel, xargs and Hydra that ``paramsurvey run`` lacks, and what to write instead."""

from __future__ import annotations

from paramsurvey.engine.other_words import OTHER_WORDS as WORDS_OF_PYTHON

SAME = {  # what does the same here
    "-j N": (
        *("--jobs", "--max-procs", "-P", "--nprocs"),
        *(f"--{word.replace('_', '-')}" for word in WORDS_OF_PYTHON["ncores"]),
    ),
    "--zip": ("--link", "--xapply"),
    "-p NAME=@FILE": ("--arg-file", "-a"),
    "--psets FILE, whose first line has the names": ("--header", "--csv"),
    "--colsep REGEX": ("-C",),
    "--joblog FILE": ("--jl",),
    "-N N, and {NAME:args} for all of them": (
        *("-n", "-L", "-l", "-X", "--max-args", "--max-replace-args", "--max-lines", "--xargs"),
    ),
    "--tag=TEMPLATE": ("--tagstring", "--ctag", "--ctagstring"),
    "--follow": ("--line-buffer", "--linebuffer", "--lb", "--ungroup", "-u", "--latest-line", "--ll"),
    "--shuffle SEED": ("--shuf",),
    "--where 'a < b'": ("--filter",),
    "--chdir DIR": ("--workdir", "--wd", "--cwd"),
    "--results DIR": ("--res", "--files", "--files0", "--outputasfiles", "--output-as-files"),
    "--memfree SIZE": ("--noswap", "--memsuspend"),
    "--backend ray": (
        *("--sshlogin", "--sshloginfile", "--slf", "-S", "--ssh", "--hostgroups", "--hgrp"),
        *("--filter-hosts", "--ssh-delay", "--rsync-opts"),
    ),
    "-v 0": ("--quiet", "--silent"),
    "-v 3, or --dry-run": ("-t",),
    "--dry-run": ("--dryrun", "--cfg", "--info"),
    "--config FILE": ("--config-name", "--config-path", "--config-dir", "--profile", "-J", "-c"),
    "--checkpoint DIR, and the same command again": ("--resume", "--resume-failed", "--retry-failed"),
    "--env NAME={job}": ("--process-slot-var",),
    "--halt now,fail=1": ("--halt-on-error", "--fail-fast", "--failfast", "--exitfirst"),
    "another --checkpoint, or none": ("--force", "--forceall", "--forcerun"),
    "-o FILE.sqlite": ("--sql", "--sql-master", "--sqlmaster", "--sql-and-worker", "--sql-worker"),
    "{NAME} where the value should be": ("-I", "-i", "--replace"),
    "{#} where the number should be": ("--seqreplace",),
    "{job} where the number of the worker should be": ("--slotreplace",),
    "{NAME.name}, {NAME.stem}, {NAME.suffix} or {NAME.parent} for a part of a path": (
        *("--basenamereplace", "--bnr", "--basenameextensionreplace", "--bner", "--dirnamereplace", "--dnr"),
        *("--extensionreplace", "--er"),
    ),
    "-p NAME=A,B,C, or -p NAME=@FILE": ("--arg-sep", "--arg-file-sep"),
    "paramsurvey --version": ("--version", "-V", "--minversion"),
}
LEAVE_OUT = "leave it out: "
OTHERWISE = {  # what is done in another way, or not at all
    f"{LEAVE_OUT}all combinations run": ("-m", "--multirun"),
    f"{LEAVE_OUT}values are always quoted": ("-q", "--quote", "--shellquote", "--shell-quote"),
    f"{LEAVE_OUT}progress is shown on every terminal, and by paramsurvey watch DIR on others": (
        *("--bar", "--eta", "--progress", "--total-jobs", "--total"),
    ),
    f"{LEAVE_OUT}that is always the case": (
        *("--group", "--gnu", "--plus", "--will-cite", "--no-notice", "--plain", "--wait", "--fg"),
        *("--color", "--color-failed", "--cf", "--cleanup", "--keep-going", "--rerun-incomplete", "--unsafe"),
    ),
    f"{LEAVE_OUT}without -k, outputs come as the commands end": ("--no-keep-order",),
    f"{LEAVE_OUT}what is stopped gets SIGTERM, and two seconds later SIGKILL": ("--termseq", "--term-seq"),
    f"{LEAVE_OUT}commands get all exported variables (export X)": ("--record-env", "--session"),
    f"{LEAVE_OUT}-j N says how many commands run at once": (
        *("--use-sockets-instead-of-threads", "--use-cores-instead-of-threads"),
        *("--use-cpus-instead-of-cores",),
    ),
    f"{LEAVE_OUT}the variable TMPDIR names a disk with more room": (
        *("--compress", "--compress-program", "--decompress-program"),
    ),
    f"{LEAVE_OUT}without values nothing runs, and the exit code is 2": ("-r", "--no-run-if-empty"),
    "write each part of the input into a file (split), and -p 'f=glob(part*)' --shell -- '... < {f}'": (
        *("--pipe", "--pipepart", "--pipe-part", "--spreadstdin", "--block", "--block-size", "--recstart"),
        *("--recend", "--round-robin", "--roundrobin", "--round", "--cat", "--fifo", "--tee", "--regexp"),
        *("--group-by", "--rrs", "--remove-rec-sep", "--removerecsep", "--bin", "--block-timeout", "--bt"),
    ),
    "write -p run=1..10 --unused ok": ("--repeat", "--times", "--repetitions"),
    "write {NAME.stem} and the like, or --shell and an expansion of the shell: 'x={NAME}; echo ${{x%.*}}'": (
        *("--rpl", "--parens"),
    ),
    "change the input first: sed 's/^ *//; s/ *$//' FILE | paramsurvey run -p NAME=@- ...": (*("--trim",),),
    "change the input first: tail -n +2 FILE | paramsurvey run -p NAME=@- ...": ("--skip-first-line",),
    "change the input first: sed '/^stop$/,$d' FILE | paramsurvey run -p NAME=@- ...": ("-E", "--eof"),
    "write -N N, which puts N values into one command": ("-s", "--max-chars", "-x", "--exit"),
    "there must be a directory that all machines share; write --backend ray": (
        *("--transfer", "--transferfile", "--tf", "--return", "--trc", "--basefile", "--bf", "--onall"),
        *("--nonall", "--controlmaster", "-M"),
    ),
    "set the variable TMPDIR": ("--tmpdir",),
    "write X=$(paramsurvey run -v0 -p ... --tag= -k -- COMMAND)": ("--parset",),
    "look at a run with paramsurvey tail DIR, or watch DIR": ("--tmux", "--tmuxpane"),
    "look at the commands with --dry-run; nothing is asked while they run": (
        "--interactive",
        "--tty",
        "--open-tty",
    ),
    "a run waits until all is done: put & after it": (
        *("--semaphore", "--bg", "--semaphore-name", "--id", "--semaphore-timeout", "--st"),
    ),
    "fill the template in yourself: --shell -- 'sed s/@NAME@/{NAME}/ TEMPLATE > run{#} && ...'": (
        *("--template", "--tmpl"),
    ),
    "write a script whose first line is #!/bin/sh, and which calls paramsurvey run": (
        *("--shebang", "--hashbang", "--shebang-wrap", "--embed", "--combineexec", "--combine-executable"),
    ),
    "nproc says how many cores there are, and getconf ARG_MAX how long a command may be": (
        *("--number-of-cpus", "--number-of-cores", "--number-of-sockets", "--number-of-threads"),
        *("--show-limits", "--max-line-length-allowed"),
    ),
    'write eval "$(_PARAMSURVEY_COMPLETE=bash_source paramsurvey)"': ("--shell-completion",),
}


VALUES_OF_PARALLEL = {  # what comes before values, or names of files, in GNU parallel
    ":::": "-p NAME=A,B,C",
    ":::+": "-p NAME=A,B,C, and --zip",
    "::::": "-p NAME=@FILE",
    "::::+": "-p NAME=@FILE, and --zip",
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
