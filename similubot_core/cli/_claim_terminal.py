"""Make the terminal on stderr this session's own, then become the command that was named.

`similubot watch --pty` starts it as a script of its own: only the child itself can claim a
terminal, and Python code between fork and exec is not safe while other threads run.
"""

import fcntl
import os
import sys
import termios

if __name__ == "__main__":
    fcntl.ioctl(2, termios.TIOCSCTTY, 0)
    try:
        os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  (the command that the user typed)
    except OSError as error:
        sys.stderr.write(f"similubot: {sys.argv[1]} could not be started: {error.strerror}.\n")
        sys.exit(126)
