"""Row K: the statistics reach stderr at the end of a map at default verbosity."""

import time

import paramsurvey
import paramsurvey.stats


def worker(pset, system_kwargs, user_kwargs):
    with paramsurvey.stats.record_wallclock("sleeping", system_kwargs["raw_stats"]):
        time.sleep(0.02)


def main():
    paramsurvey.init(ncores=2)
    paramsurvey.map(worker, [{"a": a} for a in range(4)], name="nap")


if __name__ == "__main__":
    main()
