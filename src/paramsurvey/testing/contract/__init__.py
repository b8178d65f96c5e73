"""What every backend must do, a file for each subject; `paramsurvey.testing.BackendContract` runs them.

They are plain functions, and become methods of that class. ``place`` is the backend under test.
"""
