"""Row I: two threads map at once."""

import threading
import time

import shown

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    time.sleep(0.01)
    return {"y": pset["a"] * user_kwargs}


def main():
    paramsurvey.init(ncores=2, verbose=0)
    results = {}
    both = threading.Barrier(2)

    def survey(factor):
        both.wait()
        psets = [{"a": a} for a in range(10)]
        results[factor] = paramsurvey.map(worker, psets, user_kwargs=factor, name=str(factor), verbose=0)

    threads = [threading.Thread(target=survey, args=(factor,)) for factor in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for factor in (2, 3):
        shown.table(str(factor), results[factor])
        shown.counters(f"progress {factor}", results[factor])


if __name__ == "__main__":
    main()
