# What a newcomer needs: git, make and Python 3.11 or newer. `make demo` and `make test` do the rest,
# in .venv, with plain pip. PYTHON=/path/to/python chooses the Python that .venv is made with.

PYTHON =
ARGS =

# The tests run in several processes, how many tests/conftest.py says. One that has no more tests takes over some of
# another's, so that all of them end together. ARGS='-n 0' runs the tests in a single process.
parallel = -n auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-oldest old lint hooks coverage docs pictures bench soak explore fuzz dist

help:  ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo "Everything is installed into .venv; PYTHON=... chooses the Python that it is made with."

demo: .venv/.demo  ## survey 1,797 images of handwritten digits; writes digits.parquet and digits.png
	@echo "demo: which support vector machine reads handwritten digits best?"
	@.venv/bin/paramsurvey-digits-example.py

test: .venv/.dev .venv-0.4/.done programs  ## run the whole test suite, Ray and Carbon included
	@echo "test: running the whole test suite, Ray and Carbon included"
	@.ci/clean .venv/bin/python -m pytest $(parallel) $(need_browser) $(ARGS)

test-oldest: .venv-oldest/.done .venv-0.4/.done programs  ## run it on Python 3.11 with the oldest version of every dependency
	@echo "test-oldest: running the whole test suite with the oldest version of every dependency"
	@.ci/clean .venv-oldest/bin/python -m pytest $(parallel) $(need_browser) $(ARGS)

old: .venv-0.4/.done  ## install release 0.4.21 into .venv-0.4, for the tests that run programs on both

lint: .venv/.dev  ## check style and types, and that imports go downwards
	@echo "lint: ruff, mypy and import-linter"
	@.ci/clean .venv/bin/ruff check .
	@.ci/clean .venv/bin/ruff format --check .
	@.ci/clean .venv/bin/mypy --strict src
	@.ci/clean .venv/bin/lint-imports --no-cache --no-logo

hooks: .venv/.dev  ## have git check the same before each commit
	@.venv/bin/pre-commit install

coverage: .venv/.dev .venv-0.4/.done programs  ## run the tests, and write into the README how much of src they run
	@echo "coverage: running the whole test suite, with all processes that it starts measured"
	@.ci/clean .venv/bin/python -m coverage erase
	@.ci/clean .venv/bin/python -m coverage run -m pytest $(parallel) $(need_browser) $(ARGS)
	@.ci/clean .venv/bin/python -m coverage combine --quiet
	@.ci/clean .venv/bin/python -m coverage report
	@.ci/clean .venv/bin/python .ci/coverage_figure.py

docs: .venv/.dev  ## build the documentation into docs/_build/html; runs the surveys of its gallery
	@echo "docs: building docs/_build/html; the first time, the surveys of its gallery run, for about a minute"
	@.ci/clean .venv/bin/python -m sphinx --quiet --fail-on-warning --keep-going $(ARGS) docs docs/_build/html
	@.ci/clean .venv/bin/python docs/check_site.py docs/_build/html

pictures: .venv/.dev  ## make the screenshots and terminal recordings of the documentation again; needs Chromium
	@.ci/clean .venv/bin/python docs/pictures $(ARGS)

bench: .venv/.dev  ## measure everything beside other ways to do it; writes docs/performance.md
	@.ci/clean .venv/bin/python benchmarks/all.py $(ARGS)

soak: .venv/.dev  ## run 1,000 random maps with random faults; ARGS='--maps 50' for fewer
	@.ci/clean .venv/bin/python tests/soak.py $(ARGS)

explore: .venv/.dev  ## let small maps and the lock go all ways, with one fault more than in the tests
	@.ci/clean env EXPLORE_FAULTS=1 .venv/bin/python -m pytest -n 0 -s $(ARGS) \
	  tests/engine/test_exploration.py tests/checkpoint/test_lock_interleavings.py

fuzz: .venv/.dev  ## give what is read from disks, pipes and the command line any bytes; ARGS='--minutes 5 axes'
	@.ci/clean .venv/bin/python tests/fuzz/fuzz.py $(ARGS)

dist: .venv/bin/pip  ## build what is released into dist/, and check it
	@.ci/clean --pip .venv/bin/python -m pip install $(quietly) 'build>=1.2' 'twine>=6.1'
	@rm -rf dist
	@.ci/clean --pip .venv/bin/python -m build --quiet
	@.ci/clean .venv/bin/python -m twine check --strict dist/*

# The pages are tested in Chromium, the scripts for batch systems on a Slurm. Where these are missing and cannot be
# installed, their tests are skipped, which the summary says; CI never skips those of the pages.
need_browser = $(if $(CI),--need-browser)
debian = DEBIAN_FRONTEND=noninteractive apt-get install -qq -y
.PHONY: programs
programs:
	@missing=; \
	command -v chromium >/dev/null && command -v chromedriver >/dev/null || missing="chromium chromium-driver"; \
	command -v slurmctld >/dev/null || missing="$$missing slurm-wlm"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "setup: installing what some tests run: $$missing"; \
	  apt-get update -qq; \
	  for each in $$missing; do $(debian) $$each >/dev/null || echo "setup: $$each cannot be installed" >&2; done; \
	else \
	  echo "setup: not tested, for it is not installed and cannot be: $$missing" >&2; \
	fi

quietly = --quiet --disable-pip-version-check

# Installed again only when pyproject.toml has changed; the sources are used where they are (-e).
.venv/.demo: extra = demo
.venv/.dev: extra = dev
.venv/.demo .venv/.dev: pyproject.toml | .venv/bin/pip
	@echo "setup: installing paramsurvey[$(extra)] into .venv (the first time takes some minutes)"
	@.ci/clean --pip .venv/bin/python -m pip install $(quietly) -e '.[$(extra)]'
	@.venv/bin/python -m compileall -q src  # as pip does it with all others
	@touch $@

# pip is the last thing that venv makes: while it is not there, .venv is not finished.
.venv/bin/pip:
	@for python in $(or $(PYTHON),python3.11 python3); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "setup: creating .venv with $$("$$python" --version)"; \
	    exec "$$python" -m venv .venv; \
	  fi; \
	done; \
	echo "setup: no Python 3.11 or newer found as $(or $(PYTHON),python3.11 or python3):" \
	  "install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; \
	exit 1

.venv-oldest/.done: pyproject.toml .ci/oldest.txt
	@echo "setup: installing the oldest version of every dependency into .venv-oldest"
	@$(or $(PYTHON),python3.11) -m venv .venv-oldest
	@.ci/clean --pip .venv-oldest/bin/python -m pip install $(quietly) -c .ci/oldest.txt -e '.[suite]'
	@touch $@

# Release 0.4.21 with today's pandas, and the tests that its sdist has.
old = paramsurvey==0.4.21
.venv-0.4/.done: | .venv/bin/pip
	@echo "setup: installing $(old) into .venv-0.4, for the tests that run programs on both"
	@.venv/bin/python -m venv .venv-0.4
	@.ci/clean --pip .venv-0.4/bin/python -m pip install $(quietly) '$(old)' ray
	@.ci/clean --pip .venv-0.4/bin/python -m pip download $(quietly) \
	  --no-deps --no-binary paramsurvey --dest .venv-0.4/original '$(old)'
	@cd .venv-0.4/original && tar -xzf paramsurvey-0.4.21.tar.gz
	@touch $@
