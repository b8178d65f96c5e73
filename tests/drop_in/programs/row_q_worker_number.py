"""Row Q: the workers are numbered from 1."""

import multiprocessing
import time

import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    time.sleep(0.05)
    identity = multiprocessing.current_process()._identity
    return {"number": identity[0] if len(identity) == 1 else -1}


def main():
    paramsurvey.init(ncores=2, verbose=0)
    results = paramsurvey.map(worker, [{"i": i} for i in range(40)], group_size=1, verbose=0)
    shown.missing("missing", results.missing)
    shown.value("numbers", sorted(set(results.number.tolist())))


if __name__ == "__main__":
    main()
