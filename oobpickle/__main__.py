"""``python -m oobpickle``: the same as ``oobpickle``."""

from oobpickle.cli.main import run

if __name__ == "__main__":
    run()
