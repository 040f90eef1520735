# make demo: set up, check the theory, write the classroom page, train and film an agent.   make test: set up, run the tests.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
FIGURES := figures

.PHONY: demo test check torture mutate bench formal theory.pdf setup clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile; grep -E '^[a-z.]+:.*##' Makefile | sed 's/:.*## /: /'

setup: $(VENV)/installed  ## make .venv and install the project with the tested versions of everything

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: needs Python >= 3.11; name one with make PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup  ## the main job: check the theory, write the classroom page, train an agent for a minute and film it
	mkdir -p $(FIGURES)
	$(RUN) -m verify.lemma34 --jobs 2 --json $(FIGURES)/lemma34.json --figure $(FIGURES)/lemma34.png
	$(RUN) -m exact.classroom --out $(FIGURES)/classroom.html
	@rm -f $(FIGURES)/agent.mp4; run=runs/demo-$$(date +%Y%m%d-%H%M%S); set -x; \
	$(RUN) -m deep.train --env HalfCheetah-v4 --steps 200000 --seed 0 --out $$run && \
	$(RUN) -m deep.evaluate $$run --episodes 10 && \
	$(RUN) -m deep.plot $$run --out $(FIGURES)/learning-curve.png && \
	{ $(RUN) -m deep.evaluate $$run --episodes 1 --video $(FIGURES)/agent.mp4 || echo "no film: see the line above"; }
	@run=$$(ls -d runs/demo-* | tail -1); echo; echo "Look at these, each below with the command that makes it:"; \
	echo "  $(FIGURES)/lemma34.png: the statements about the exact step, and how tight they are"; \
	echo "      python -m verify.lemma34 --figure $(FIGURES)/lemma34.png"; \
	echo "  $(FIGURES)/classroom.html: why a trust region converges; open it in a browser"; \
	echo "      python -m exact.classroom --out $(FIGURES)/classroom.html"; \
	echo "  $(FIGURES)/learning-curve.png: how the agent learned"; \
	echo "      python -m deep.plot $$run --out $(FIGURES)/learning-curve.png"; \
	test ! -e $(FIGURES)/agent.mp4 || { echo "  $(FIGURES)/agent.mp4: the trained agent"; \
	echo "      python -m deep.evaluate $$run --episodes 1 --video $(FIGURES)/agent.mp4"; }; \
	echo "  $$run: the training run: settings, metrics, checkpoints"; \
	echo "      python -m deep.train --env HalfCheetah-v4 --steps 200000 --seed 0 --out $$run"

test: setup  ## the test suite
	$(RUN) -m pytest -n 2

check: setup  ## formatting, lint, types
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

torture: setup  ## kill runs, break their disks and files, and count what held (docs/reliability.md)
	OMP_NUM_THREADS=1 $(RUN) -m tests.torture --json docs/reliability.json --page docs/reliability.md

bench: setup  ## speed and size as ratios against peers, in one run
	OMP_NUM_THREADS=1 $(RUN) -m exact.speed
	OMP_NUM_THREADS=1 $(RUN) -m verify.speed
	$(RUN) -m deep.speed

mutate: setup  ## try small wrong versions of the project and write who notices them to docs/mutants.md
	$(RUN) -m tests.mutants

theory.pdf: setup  ## docs/theory.md as a PDF, in figures/
	@mkdir -p $(FIGURES)
	$(RUN) -m verify.pdf --out $(FIGURES)/theory.pdf

formal:  ## check the machine-checked proofs; needs Coq, which is a package of most systems (Debian: coq)
	@command -v coqc >/dev/null || { echo "error: coqc was not found; install Coq 8.16 or newer" >&2; exit 2; }
	@out=$$(mktemp -d); cp verify/coq/trust_region.v $$out; (cd $$out && coqc trust_region.v); status=$$?; rm -r $$out; exit $$status

clean:  ## remove the environment and all caches
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
