"""``python -m evolve``."""

import sys

if __name__ == "__main__":
    try:
        from evolve.cli import main  # in here: Ctrl-C during the imports is no traceback either

        main()
    except ModuleNotFoundError as error:
        if error.name in ("evolve", "operators", "population"):
            raise
        sys.exit(
            f"error: {sys.executable} has no package {error.name}; run `make` once, then "
            "`source .venv/bin/activate`, or type .venv/bin/python in place of python"
        )
    except KeyboardInterrupt:
        sys.exit(130)
