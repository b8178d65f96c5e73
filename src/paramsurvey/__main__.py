"""``python -m paramsurvey`` is the same as ``paramsurvey``, even if that script is not on the path."""

from paramsurvey.cli import main

if __name__ == "__main__":
    main()
