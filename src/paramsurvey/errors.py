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
    """What runs the psets is gone as a whole: the head of a cluster, all processes of an executor."""


class BackendUnreachable(SurveyError, ConnectionError):
    """A backend cannot be started, or nobody answers at its address."""


class BackendMissing(ValueError, ImportError):
    """The package that a backend needs is not installed."""


class OptionError(ValueError):
    """An option is unknown, misplaced, or has a value that it cannot have."""


class UnknownOption(OptionError, TypeError):
    """A keyword or an environment value that does not exist."""


class PsetError(ValueError):
    """The psets cannot be surveyed as they are."""


class PsetTypeError(PsetError, TypeError):
    """What was given as psets is no table of them."""


class WorkerFunctionError(TypeError, ValueError):
    """What was given as worker function cannot be one."""


class DirectoryMissing(OptionError, FileNotFoundError):
    """A directory that an option names does not exist."""


class NotPicklable(ValueError, TypeError):
    """A function or an argument cannot be sent to the workers."""


class DoesNotFit(ValueError, TypeError):
    """A file format cannot hold a column."""


class FunctionUnknown(ValueError):
    """A pset cannot be run again, because nobody knows with which function."""


class NotStored(ValueError):
    """Results do not have what a picture of them, or a view, needs."""


class SessionClosed(SurveyError):
    """A session was closed before a map, or while it ran."""


class SurveyDuringImport(SurveyError):
    """A module surveys when it is imported: in a worker, that would start workers without end."""


class CheckpointError(SurveyError):
    """A checkpoint cannot be used."""


class NotACheckpoint(CheckpointError, ValueError):
    """A directory is not a checkpoint, or not one that this version can read."""


class CheckpointInUse(CheckpointError):
    """Another driver, which is alive, writes a checkpoint."""


class CheckpointChanged(CheckpointError):
    """The results in a checkpoint were computed by another function, or with other arguments."""


class PackageMissing(ValueError, ImportError):
    """A package that a part of paramsurvey needs is not installed, or cannot be imported."""


class Stopped(SystemExit):
    """SIGTERM, or another of the signals that end a map, has come."""


INTERRUPTIONS = (KeyboardInterrupt, Stopped)  # what ends a map, and is no fault of whatever runs then


class ParamsurveyWarning(UserWarning):
    """Something that a user should know and that did not stop the survey."""


SPOKEN_AS_YOU = ("uni", "use", "uint", "uuid", "url", "utc")  # in names of classes


def with_article(noun: str) -> str:
    """Return a noun, or the name of a class, with ``a`` or ``an`` as it is spoken.

    Examples
    --------
    >>> with_article("int"), with_article("str"), with_article("ndarray"), with_article("UserDict")
    ('an int', 'a str', 'an ndarray', 'a UserDict')
    """
    begins_with_vowel = noun[:1].lower() in tuple("aeiou") and not noun.lower().startswith(SPOKEN_AS_YOU)
    return f"{'an' if begins_with_vowel or noun.startswith('nd') else 'a'} {noun}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` where a known name is close to `name`, else what there is.

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
    return f"; known are: {', '.join(names)}" if names else "; there are none"
