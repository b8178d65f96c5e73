"""Completion in zsh: no space after a directory or a module, as more is to be typed."""

from __future__ import annotations

from click.shell_completion import ZshComplete, add_completion_class

SOURCE = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a whole begun described response
    local type value help
    (( ! $+commands[%(prog_name)s] )) && return 1

    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s)}")

    for type value help in ${response}; do
        if [[ $type == 'dir' ]]; then
            _path_files -/
        elif [[ $type == 'file' ]]; then
            _path_files -f
        elif [[ $help != '_' ]]; then
            described+=("$value:$help")
        elif [[ $value == *[/:] ]]; then
            begun+=("$value")
        else
            whole+=("$value")
        fi
    done

    (( $#described )) && _describe -V unsorted described -U
    (( $#begun )) && compadd -U -V unsorted -S '' -a begun
    (( $#whole )) && compadd -U -V unsorted -a whole
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""


class NoSpaceComplete(ZshComplete):
    """Completes words as click does, with a function in zsh that adds no space to those that go on."""

    source_template = SOURCE


def install_zsh_completion() -> None:
    """Have click complete words in this way for zsh."""
    add_completion_class(NoSpaceComplete)
