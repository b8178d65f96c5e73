"""All that runs beside the user's function, on every backend. It loads only the standard library."""
