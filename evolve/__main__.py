"""``python -m evolve``."""

import sys

if __name__ == "__main__":
    try:
        from evolve.cli import main  # in here: Ctrl-C during the imports is no traceback either

        main()
    except KeyboardInterrupt:
        sys.exit(130)
