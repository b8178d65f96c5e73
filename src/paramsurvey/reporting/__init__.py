"""What the user sees of a run: in a terminal or notebook, the log and Carbon, and the summary at the end."""
