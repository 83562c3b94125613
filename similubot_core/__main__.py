"""`python -m similubot_core` is the `similubot` command line."""

import sys

from similubot_core.cli import main

sys.exit(main())
