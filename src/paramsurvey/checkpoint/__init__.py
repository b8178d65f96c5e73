"""Durable results: what finished is on disk at once, and the next run goes on from there."""
