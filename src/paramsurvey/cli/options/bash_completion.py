"""Completion in bash, which takes ``f=@data`` and ``module:function`` for several words."""

from __future__ import annotations

import os
import re
import shlex
from functools import cached_property

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

USUAL_BREAKS = "\"'@><=;|&(:"  # bash's own value of COMP_WORDBREAKS, but for white space
SPECIAL = ("$", "@", "%")  # at these, too, a word ends; but they begin the next one
NEEDS_QUOTE = re.compile(r"[^\w@%+=:,./~{}-]")
END = "\x01"  # marks where the cursor is

SOURCE = """\
%(complete_func)s() {
    local IFS=$'\\n' response type value

    response=$(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1")

    while IFS=',' read -r type value; do
        if [[ $type == 'dir' ]]; then
            COMPREPLY=()
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            COMPREPLY=()
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=("$value")
            [[ $value == *[/:] ]] && compopt -o nospace
        fi
    done <<< "$response"

    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class WholeWordComplete(BashComplete):
    """Completes words as the program gets them, and answers with what bash puts in place of its own word."""

    source_template = SOURCE

    @cached_property
    def _line(self) -> str:
        """What was typed, up to the cursor; empty where the function of an earlier release asks."""
        return os.environ.get("COMP_LINE", "")

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is completed, and what there is of that."""
        if not self._line:
            return super().get_completion_args()
        *words, last = split_arg_string(self._line + END)
        self._incomplete = last.removesuffix(END)
        return words[1:], self._incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return a line for the function in bash: the kind, and the text."""
        if not self._line or item.type != "plain":
            return super().format_completion(item)
        value = self._option + str(item.value)
        if self._is_in_quotes:
            return f"plain,{item.value}"
        kept = self._incomplete[: self._word_start]
        return f"plain,{NEEDS_QUOTE.sub(_escaped, value.removeprefix(kept))}"

    @property
    def _option(self) -> str:
        """What stands before the value in ``--option=value``: click completes the value alone."""
        option, equals, _ = self._incomplete.partition("=")
        return f"{option}=" if equals and option.startswith("-") else ""

    @property
    def _is_in_quotes(self) -> bool:
        try:
            shlex.split(self._line)
        except ValueError as error:
            return "quotation" in str(error)
        return False

    @property
    def _word_start(self) -> int:
        """Where, in the word that is completed, the part begins that bash takes for a word."""
        breaks = os.environ.get("COMP_WORDBREAKS", USUAL_BREAKS).split()
        last = max((self._incomplete.rfind(character) for character in "".join(breaks)), default=-1)
        return last if self._incomplete[last : last + 1] in SPECIAL else last + 1


def _escaped(character: re.Match[str]) -> str:
    return f"\\{character[0]}"


def install_bash_completion() -> None:
    """Have click complete words in this way for bash."""
    add_completion_class(WholeWordComplete)
