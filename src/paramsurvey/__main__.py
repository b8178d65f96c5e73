"""``python -m paramsurvey`` is the program ``paramsurvey``, also where its script is not on the path."""

from paramsurvey.cli import main

if __name__ == "__main__":
    main()
