"""What runs in workers, which call the user's function. It loads only the standard library."""
