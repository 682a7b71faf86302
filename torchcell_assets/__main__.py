"""`python -m torchcell_assets`: the command line (cli/main.py)."""

import sys

from torchcell_assets.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
