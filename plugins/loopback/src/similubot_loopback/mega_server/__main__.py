"""`python -m similubot_loopback.mega_server FILE…`: the loopback MEGA as a process of its own."""

import sys

from similubot_loopback.mega_server.server import main

sys.exit(main())
