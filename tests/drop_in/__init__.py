"""Programs written for release 0.4, run on 0.4.21 and on this package."""
