"""A main file that tells the program from its workers by the name of the process, and logs that name."""

import logging
import multiprocessing

import shown

import paramsurvey

IS_PROGRAM = multiprocessing.current_process().name == "MainProcess"
if IS_PROGRAM:
    with open("started.txt", "a") as file:
        file.write("once\n")
logging.basicConfig(format="%(processName)s %(message)s", filename="pool.log", level=logging.INFO)


def worker(pset, system_kwargs, user_kwargs):
    logging.getLogger(__name__).info("at work")
    parent = multiprocessing.parent_process()
    return {
        "is_program": IS_PROGRAM,
        "process": multiprocessing.current_process().name,
        "parent": parent is not None and (parent.name, parent.pid == user_kwargs, parent.is_alive()),
    }


def main():
    paramsurvey.init(ncores=1, verbose=0)
    program = multiprocessing.current_process().pid or 0
    shown.table("results", paramsurvey.map(worker, [{"i": 1}], user_kwargs=program, verbose=0))
    shown.value("parent of the program", multiprocessing.parent_process())


if __name__ == "__main__":
    main()
