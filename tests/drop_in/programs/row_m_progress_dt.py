"""Row M: progress_dt prints, whatever verbose is."""

import paramsurvey


def worker(pset, system_kwargs, user_kwargs):
    return {"b": pset["a"] + 1}


def main():
    paramsurvey.init(ncores=2, verbose=0)
    paramsurvey.map(worker, [{"a": a} for a in range(6)], name="watched", progress_dt=0.0, verbose=0)


if __name__ == "__main__":
    main()
