"""A program that imports 0.4's module of the log, in both ways."""

import io

import shown

import paramsurvey
import paramsurvey.pslogger
from paramsurvey.pslogger import log


def main():
    stream = io.StringIO()
    paramsurvey.init(ncores=1, verbose=0, pslogger_fd=stream)
    log("flux", 3, stderr=False)
    paramsurvey.pslogger.log("calibrated", stderr=False)
    shown.value("lines", [word in stream.getvalue() for word in ("flux 3", "calibrated")])


if __name__ == "__main__":
    main()
