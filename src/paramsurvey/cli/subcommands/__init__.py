"""The subcommands of ``paramsurvey``, one file for each."""
