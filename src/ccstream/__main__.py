"""``python -m ccstream``: the command line."""

import sys

from ccstream.cli import main

if __name__ == "__main__":
    sys.exit(main())
