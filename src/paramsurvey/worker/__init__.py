"""The code of workers, which call the user's function. It loads only the standard library."""
