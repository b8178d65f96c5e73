"""What the user sees and reads of a run: terminal, notebook, log, Carbon, the summary at the end."""
