"""Every exception and warning of paramsurvey. Each message is a sentence that ends with the remedy."""

from __future__ import annotations

from collections.abc import Iterable


class SurveyError(RuntimeError):
    """A survey cannot go on. What had finished is in `paramsurvey.last_results()`."""


class WorkerStartError(SurveyError):
    """Workers cannot be started, or end before their first pset, again and again."""


class JobRefused(SurveyError):
    """The workers cannot load the function or its arguments."""


class BackendLost(SurveyError):
    """Whatever ran the psets is gone as a whole: the head of a cluster, or all processes of an executor."""


class BackendUnreachable(SurveyError, ConnectionError):
    """A backend cannot be started, or nothing answers at its address."""


class BackendMissing(ValueError, ImportError):
    """The package that a backend needs is not installed."""


class OptionError(ValueError):
    """An option is unknown or misplaced, or its value is not valid."""


class UnknownOption(OptionError, TypeError):
    """A keyword or an environment value that does not exist."""


class PsetError(ValueError):
    """The psets cannot be surveyed as they are."""


class PsetTypeError(PsetError, TypeError):
    """What was given as psets is not a table of them."""


class WorkerFunctionError(TypeError, ValueError):
    """What was given as a worker function cannot be one."""


class DirectoryMissing(OptionError, FileNotFoundError):
    """A directory that an option names does not exist."""


class NotPicklable(ValueError, TypeError):
    """A function or an argument cannot be sent to the workers."""


class DoesNotFit(ValueError, TypeError):
    """A file format cannot hold a column."""


class FunctionUnknown(ValueError):
    """A pset cannot be run again, because its function is not known."""


class NotStored(ValueError):
    """Results lack something that a plot or a view of them needs."""


class SessionClosed(SurveyError):
    """A session was closed before a map, or while it ran."""


class SurveyDuringImport(SurveyError):
    """A module runs a survey when it is imported: in a worker, that would start ever more workers."""


class CheckpointError(SurveyError):
    """A checkpoint cannot be used."""


class NotACheckpoint(CheckpointError, ValueError):
    """A directory is not a checkpoint, or not one that this version can read."""


class CheckpointInUse(CheckpointError):
    """Another driver, which is still alive, is writing to a checkpoint."""


class CheckpointChanged(CheckpointError):
    """The results in a checkpoint were computed by another function, or with other arguments."""


class PackageMissing(ValueError, ImportError):
    """A package that a part of paramsurvey needs is not installed, or cannot be imported."""


class Stopped(SystemExit):
    """SIGTERM, or another of the signals that end a map, was received."""


INTERRUPTIONS = (KeyboardInterrupt, Stopped)  # these end a map, and whatever code they hit is not to blame


class ParamsurveyWarning(UserWarning):
    """Something that a user should know and that did not stop the survey."""


PRONOUNCED_YOU = ("uni", "use", "uint", "uuid", "url", "utc")  # beginnings of names of classes


def with_article(noun: str) -> str:
    """Return a noun, or the name of a class, with ``a`` or ``an``, depending on how it is pronounced.

    Examples
    --------
    >>> with_article("int"), with_article("str"), with_article("ndarray"), with_article("UserDict")
    ('an int', 'a str', 'an ndarray', 'a UserDict')
    """
    begins_with_vowel = noun[:1].lower() in tuple("aeiou") and not noun.lower().startswith(PRONOUNCED_YOU)
    return f"{'an' if begins_with_vowel or noun.startswith('nd') else 'a'} {noun}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` if a known name is close to `name`, and otherwise list what there is.

    Examples
    --------
    >>> suggestion("verbos", ["verbose", "limit"])
    "; did you mean 'verbose'?"
    """
    from difflib import get_close_matches  # loaded only when a name is wrong

    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; choose from: {', '.join(names)}" if names else "; there are none"
