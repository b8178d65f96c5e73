"""Durable results: whatever has finished is soon on disk, and the next run goes on from there."""
