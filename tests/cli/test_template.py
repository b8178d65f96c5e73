"""Commands with placeholders, and how a shell reads the values."""

from __future__ import annotations

import os
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from paramsurvey.cli.command.template import Template, make_template
from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.placeholders import placeholder_values


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{a}", "1"),
        ("--x={a}:{b}", "--x=1:{a} 'q' \n"),
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{1}"),
        ('{{"k": {a}}}', '{"k": 1}'),
        ("{a:03d}|{a:>3}|{a:.2f}", "001|  1|1.00"),
        ("{f}|{f.name}|{f.stem}|{f.suffix}|{f.parent}", "in/x.tar.gz|x.tar.gz|x.tar|.gz|in"),
        ("{f.parent.name}{f.stem.stem:>3}", "in  x"),
        ("{model.lr}|{model.path.stem}", "0.1|y"),
        ("{#}/{job}", "7/2"),
        ("n={words}", "n=[a,b,'c d']"),
    ],
)
def test_templates(text: str, filled: str) -> None:
    template = Template((text,))
    names = {"a": 1, "b": "{a} 'q' \n", "f": "in/x.tar.gz", "model.lr": 0.1, "model.path": "x/y.txt"}
    names["words"] = ["a", "b", "c d"]
    template.names_used(names)
    assert template.fill({**names, "#": 7, "job": 2}) == [filled]


def test_with_one_parameter_braces_need_no_name() -> None:
    template = Template(("{}", "{.stem}", "{:>3}"))
    assert template.names_used(["f"]) == {"f"}
    assert template.fill({"f": "a.c", "#": 1, "job": 1}) == ["a.c", "a", "a.c"]
    with pytest.raises(BadUsage, match=r"\{\}, but there are 2 parameters: name one, as in \{a\}"):
        Template(("{}",)).names_used(["a", "b"])
    with pytest.raises(
        BadUsage, match=r"\{\.stem\}, but there are 0 parameters: name one, as in \{a\.stem\}"
    ):
        Template(("{.stem}",)).names_used([])


def test_braces_without_a_name_mean_the_parameter_and_no_number_of_ours() -> None:
    assert Template(("{}",)).fill(placeholder_values({"f": "a.c"}, number=7, job=2)) == ["a.c"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{print $1}", r"not a placeholder: for literal braces, write \{\{print \$1\}\}"),
        ('{"k": {a}}', r"a lone \{ .* write \{\{$"),
        ("a}", r"a lone \} .* write \}\}$"),
        ("{ a }", "not a placeholder"),
        ("{/.}", r"write \{NAME.stem\}"),
        ("{%}", r"write \{job\}$"),
        ("{2}", "the name of the parameter instead of its number"),
        ("{a.size}", r"'a' has no such part: its parts are \{a.name\}"),
        ("{job.stem}", "not a parameter"),
    ],
)
def test_anything_else_in_braces_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadUsage, match=why):
        Template((text,)).names_used(["a"])


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("{/}", ": write {NAME.name}, where NAME is the name of a parameter"),
        ("{.}", ": write {NAME.parent}/{NAME.stem}, where NAME is the name of a parameter"),
        ("{/.}", ": write {NAME.stem}, where NAME is the name of a parameter"),
        ("{//}", ": write {NAME.parent}, where NAME is the name of a parameter"),
        ("{%}", ": write {job}"),
        ("{1}", ": write the name of the parameter instead of its number"),
        ("{2/.}", ": write {NAME.stem}, where NAME is the name of a parameter"),
        ("{+//}", ": write {NAME.parent}, where NAME is the name of a parameter"),
        ("{..}", ": write {NAME.parent}/{NAME.stem.stem}, where NAME is the name of a parameter"),
        ("{+/}", ": write {NAME.parent}, where NAME is the name of a parameter"),
        ("{+.}", ": write {NAME.suffix}, where NAME is the name of a parameter"),
        ("{2+..}", ": write {NAME.stem.suffix}{NAME.suffix}, where NAME is the name of a parameter"),
        ("{0%}", ": write {job:02d}"),
        ("{%.tar.gz}", "--shell -- 'x={NAME}; echo ${{x%.tar.gz}}'; for literal braces, write {{%.tar.gz}}"),
        ("{a/b/c}", "-- bash -c 'x=$1; echo ${{x/b/c}}' bash {NAME}; for literal braces, write {{a/b/c}}"),
        ("{^^a}", "-- bash -c 'x=$1; echo ${{x^^a}}' bash {NAME}; for literal braces, write {{^^a}}"),
        (
            "{##}",
            "the number of sets: count them first, with paramsurvey run --dry-run ... | wc -l",
        ),
        (
            "{= s/a/b/ =}",
            "Perl does not run here: write {NAME.stem} and the like, or compute it in the command",
        ),
        ("{a,,}", "-- bash -c 'x=$1; echo ${{x,,}}' bash {NAME}; for literal braces, write {{a,,}}"),
        ("{2^a}", "-- bash -c 'x=$1; echo ${{x^a}}' bash {NAME}; for literal braces, write {{2^a}}"),
        ("{txt,bak}", "is not a placeholder: for literal braces, write {{txt,bak}}"),
        ("{,.bak}", "is not a placeholder: for literal braces, write {{,.bak}}"),
        ("{1,2}", "is not a placeholder: for literal braces, write {{1,2}}"),
        ("{a b}", ": for literal braces, write {{a b}}"),
    ],
)
def test_what_gnu_parallel_writes_is_answered_with_what_to_write_here(text: str, remedy: str) -> None:
    with pytest.raises(BadUsage) as caught:
        Template((text,)).names_used(["a"])
    assert str(caught.value).endswith(remedy)


def test_a_parameter_called_job_is_what_its_placeholder_means() -> None:
    template = Template(("{job}", "{job.stem}", "{}"))
    assert template.names_used(["job"]) == {"job"}
    assert template.fill({"job": "a.c", "#": 1}) == ["a.c", "a", "a.c"]


def test_a_command_line_as_a_value_is_no_program_of_a_shell() -> None:
    alone = Template(("{a}",), shell=True)
    alone.check_values([{"a": "ls"}])
    with pytest.raises(BadUsage, match=r"write -- sh -c \{a\} without --shell"):
        alone.check_values([{"a": "ls"}, {"a": "ls | wc"}])
    Template(("sh", "-c", "{a}")).check_values([{"a": "ls | wc"}])


@pytest.mark.parametrize("text", ["{}", "{.stem}", "{:>3}"])
def test_without_a_name_there_must_be_one_parameter(text: str) -> None:
    with pytest.raises(BadUsage, match=r"there are 2 parameters: name one, as in \{a"):
        Template((text,)).names_used(["a", "b"])


def test_each_item_of_a_list_is_an_argument_of_its_own() -> None:
    values = {"f": ["in/a b.c", "$x", 3], "none": [], "one": "x y"}
    template = Template(("wc", "{f:args}", "{none:args}", "{one:args}", "{f.stem:args}", "{f}"))
    template.names_used(values)
    assert template.fill(values) == [
        *("wc", "in/a b.c", "$x", "3", "x y", "a b", "$x", "3"),
        "['in/a b.c','$x',3]",
    ]
    line = Template(("cd x; wc {f:args}|cat",), shell=True)
    line.names_used(values)
    assert line.show(values) == "cd x; wc 'in/a b.c' '$x' 3|cat"
    assert Template(("{:args}",)).fill({"f": ["ls", "-l"]}) == ["ls", "-l"]


def test_what_stands_beside_a_list_stands_beside_each_of_its_items() -> None:
    values = {"f": ["a b", "{x}"], "n": 7, "none": []}
    template = Template(("touch", "in/{n:02d}-{f:args}.{{c}}", "{none:args}.c"))
    template.names_used(values)
    assert template.fill(values) == ["touch", "in/07-a b.{c}", "in/07-{x}.{c}"]


@pytest.mark.parametrize(
    ("text", "shell"),
    [
        ("{f:args}{f:args}", False),
        ("x {f:args}.c", True),
        ("'{f:args}'", True),
        ('" {f:args} "', True),
    ],
)
def test_several_arguments_do_not_stand_inside_of_one(text: str, shell: bool) -> None:
    with pytest.raises(BadUsage, match="several"):
        Template((text,), shell).names_used(["f"])


def test_a_format_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BadUsage, match=r"\{a:03d\} does not fit a=x .*Unknown format code"):
        Template(("{a:03d}",)).check_values([{"a": 1}, {"a": "x"}])


@pytest.mark.parametrize("shell", [False, True])
def test_values_are_checked_also_where_numbers_of_psets_and_workers_stand(shell: bool) -> None:
    Template(("echo {#:03d} {job:02d} # {a}",), shell).check_values([{"a": 1}])
    with pytest.raises(BadUsage, match="does not fit a=x"):
        Template(("echo {#} {a:d}",), shell).check_values([{"a": "x"}])


@pytest.mark.parametrize("value", [10**10, -1])
def test_a_number_that_is_no_character_is_refused(value: int) -> None:
    with pytest.raises(BadUsage, match=r"\{a:c\} does not fit"):
        Template(("{a:c}",)).check_values([{"a": value}])


@pytest.mark.parametrize("spec", ["13333333333", ".3000000000f", "0999999d", "9" * 5000])
def test_a_format_that_would_fill_the_memory_is_refused(spec: str) -> None:
    with pytest.raises(BadUsage, match=r"a=1 \(the text would be too long for a command\): give another"):
        Template((f"{{a:{spec}}}",)).check_values([{"a": 1}])


def test_digits_in_the_format_of_a_date_are_text() -> None:
    assert Template(("{a:%Y-1234567}",)).fill({"a": date(2026, 1, 2)}) == ["2026-1234567"]


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(BadUsage, match="NUL"):
        Template(("echo", "a\0b"))


def test_an_unknown_placeholder_is_named() -> None:
    with pytest.raises(BadUsage, match=r"\{kin\}.*did you mean 'kind'"):
        Template(("x", "{kin}")).names_used(["kind", "a"])


SECRET = "'$(touch pwned)' `touch pwned` \"; touch pwned #\n touch pwned"

SAFE = [
    "printf %s {a}",
    "echo 'it' \"is\" >/dev/null; printf %s {a} | cat",
    'printf %s "$(printf %s ok)" >/dev/null; printf %s $(true {a}) {a}',
    'x={a}; printf %s "$x"',
    "# don't\nprintf %s {a}",
    "echo a#b \\' >/dev/null; printf %s {a}",
    'x="5$ ${{HOME%/*}} $(date +%s)"; printf %s {a}',
    "true\\\n; printf %s {a}",
    "cat <<E >/dev/null; #'\nx\nE\nprintf %s x",
]

SAFE += [
    'printf %s "{a}"',
    "printf %s '{a}'",
    'printf %s "{a}" >/dev/null; printf %s\'\' "{a}"',
]

BARE = [  # only for values that need no quotes
    "echo `echo {a}`",
    "cat <<E\n{a}\nE",
    'echo "$(echo "{a}")"',
    'echo "`echo "{a}"`"',
    'echo "$(case x in x) echo "{a}";; esac)"',
    'echo "${{x:-"{a}"}}"',
    "echo $(( {a} ))",
    "echo $[ {a} ]",
    "echo $'{a}'",
    'echo $"{a}"',
    "echo {a} # {a}",
    'cat <<E\n"{a}" and {a}\nE',
]

NOWHERE = ["echo \\{a}", "echo ${a}", 'echo "x \\{a}"', 'echo "${a}"', "echo `echo \\{a}`"]


@pytest.mark.parametrize("text", SAFE)
def test_no_value_is_executed_by_a_shell(in_tmp: Path, text: str) -> None:
    template = Template((text,), shell=True)
    template.names_used(["a"])
    done = subprocess.run(template.fill({"a": SECRET}), capture_output=True, text=True)
    assert done.stdout == (SECRET if "{a}" in text else "x")
    assert done.stderr == ""
    assert os.listdir() == []


@pytest.mark.parametrize("text", BARE)
def test_where_nothing_can_be_quoted_only_values_stand_that_need_no_quotes(text: str) -> None:
    template = Template((text,), shell=True)
    template.names_used(["a"])
    template.check_values([{"a": 2}, {"a": "2.5e-3"}])
    printed = subprocess.run(template.fill({"a": 2}), capture_output=True, text=True).stdout
    assert "2" in printed
    with pytest.raises(
        BadUsage, match=r"--shell: \{a\} stands .* and its value '\$HOME' needs quotes: .*x=\{a\}"
    ):
        template.check_values([{"a": 2}, {"a": "$HOME"}])


@pytest.mark.parametrize("text", NOWHERE)
def test_a_placeholder_that_changes_its_meaning_there_is_refused(text: str) -> None:
    with pytest.raises(BadUsage, match=r"--shell: \{a\} follows a .*: put it into a variable"):
        Template((text,), shell=True).names_used(["a"])


@pytest.mark.parametrize("text", [*BARE, *NOWHERE])
def test_without_a_shell_a_value_may_stand_anywhere(text: str) -> None:
    template = Template((text, "{a:>3}"))
    template.names_used(["a"])
    template.check_values([{"a": "$HOME"}])


@pytest.mark.parametrize(
    ("text", "value", "printed"),
    [
        ("echo {a}>&1", 2, "2\n"),
        ('echo "{a}+1" | cat', 2, "2+1\n"),
        ("awk 'BEGIN{{print {a}*2}}'", 2, "4\n"),
        ("{a} env | grep -c ^x=", "x=1", "0\n"),
    ],
)
def test_a_value_is_a_word_and_no_syntax(text: str, value: Any, printed: str) -> None:
    command = Template((text,), shell=True).fill({"a": value})
    assert subprocess.run(command, capture_output=True, text=True).stdout == printed


def test_a_command_is_shown_as_it_is_typed() -> None:
    words = make_template(["printf", "%s {a}", "{a}"], shell=False)
    assert str(words) == "printf '%s {a}' {a}"
    assert words.show({"a": "x y"}) == "printf '%s x y' 'x y'"
    line = make_template(["echo {a} |", "cat"], shell=True)
    assert str(line) == "echo {a} | cat"
    assert line.show({"a": "x y"}) == "echo 'x y' | cat"


@pytest.mark.parametrize("words", [[], [""], [" ", "a"]])
def test_without_a_command_the_remedy_is_told(words: list[str]) -> None:
    with pytest.raises(BadUsage, match="write it after --"):
        make_template(words, shell=False)
