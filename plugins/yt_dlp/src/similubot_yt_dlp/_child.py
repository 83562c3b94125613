"""yt-dlp in a process of its own: ``python _child.py NETWORKS ARGUMENT…``.

NETWORKS is a JSON list of the private networks that may be connected to, or ``null`` for all. Every
connection is judged by its address, so after the name lookup and on every redirect.
"""

import json
import sys


def main() -> None:
    """Run yt-dlp with the arguments."""
    networks = json.loads(sys.argv[1])
    if networks is not None:
        from similubot_http import AddressGuard, ForbiddenAddress

        guard = AddressGuard(networks)

        def judge(event: str, arguments: tuple[object, ...]) -> None:
            if event == "socket.connect":
                address = arguments[1]
                if isinstance(address, tuple) and not guard.allows(str(address[0])):
                    raise ForbiddenAddress("an address of a private network")

        sys.addaudithook(judge)
    import yt_dlp  # type: ignore[import-untyped]

    yt_dlp.main(sys.argv[2:])


if __name__ == "__main__":
    main()
