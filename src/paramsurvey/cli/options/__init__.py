"""The options of ``paramsurvey run``: how they are typed, and where their defaults come from."""
