"""Options of other programs: each has an answer, and that is what to write here."""

from __future__ import annotations

import re

import click
import pytest

from paramsurvey.cli.options.other_words import words_for
from paramsurvey.cli.subcommands.run import run

# All options in the manual of GNU parallel, of 2022 and later, but for --help.
GNU_PARALLEL = re.findall(
    r"\S+",
    """
--null -0 --arg-file -a --arg-file-sep --arg-sep --bar --basefile --bf --basenamereplace --bnr
--basenameextensionreplace --bner --bin --bg --block --block-size --block-timeout --bt --cat --cleanup
--color --color-failed --cf --colsep -C --compress --compress-program --decompress-program --csv --ctag
--ctagstring --delay --delimiter -d --dirnamereplace --dnr --dry-run --dryrun -E --eof --embed --env --eta
--fg --fifo --filter --filter-hosts --gnu --group --group-by --halt-on-error --halt --header --hostgroups
--hgrp -I --replace -i --joblog --jl --jobs -j --max-procs -P --keep-order -k -L --max-lines -l --limit
--latest-line --ll --line-buffer --lb --link --xapply --load --controlmaster -M -m --memfree --memsuspend
--minversion --max-args -n --max-replace-args -N --nonall --onall --open-tty -o --output-as-files
--outputasfiles --files --files0 --pipe --spreadstdin --pipe-part --plain --plus --process-slot-var
--progress --max-line-length-allowed --number-of-cpus --number-of-cores --number-of-sockets
--number-of-threads --no-keep-order --nice --interactive -p --parens --profile -J --quote -q
--no-run-if-empty -r --noswap --record-env --recstart --recend --regexp --remove-rec-sep --removerecsep
--rrs --results --res --resume --resume-failed --retry-failed --retries --return --round-robin --round
--rpl --rsync-opts --max-chars -s --show-limits --semaphore --semaphore-name --id --semaphore-timeout --st
--seqreplace --session --shard --shebang --hashbang --shebang-wrap --shell-completion --shell-quote --shuf
--skip-first-line --sql --sql-master --sql-and-worker --sql-worker --ssh --ssh-delay --sshlogin -S
--sshloginfile --slf --slotreplace --silent --template --tmpl --tty --tag --tagstring --tee --term-seq
--termseq --total-jobs --total --tmpdir --tmux --tmuxpane --timeout --verbose -t --transfer --transferfile
--tf --trc --trim --ungroup -u --extensionreplace --er --unsafe --use-sockets-instead-of-threads
--use-cores-instead-of-threads --use-cpus-instead-of-cores -v --version -V --workdir --wd --wait -X --exit
-x --xargs --combine-executable --combineexec
""",
)


def ours() -> set[str]:
    return {name for option in run.get_params(click.Context(run)) for name in option.opts}


@pytest.mark.parametrize("option", GNU_PARALLEL)
def test_every_option_of_gnu_parallel_is_ours_or_has_an_answer(option: str) -> None:
    assert option in ours() or words_for(option)


@pytest.mark.parametrize("option", GNU_PARALLEL)
def test_an_answer_names_options_that_there_are(option: str) -> None:
    program, *_ = words_for(option).partition(" | paramsurvey run")
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", program)) - {"--version"}
    assert named <= ours()
