"""`python -m railwatch` is the command line."""

import sys

from railwatch.cli import main

sys.exit(main())
