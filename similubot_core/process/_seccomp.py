"""A seccomp filter: the system calls that a program which reads strangers' files has no use for.

It goes where file rules do not reach. Landlock says nothing about UDP, about files' modes, about
other processes' limits; bubblewrap cannot keep a program from making another, or a symbolic link
in the folder that it may write. The programs are few and their needs known, so a list of what is
refused serves; what is on it fails with EPERM. The filter is put together here, in the kernel's own
form, since libseccomp is not everywhere and could not be imported between fork and exec.
"""

import platform
import struct
import sys

OWN_PID = 0x7F7F7F7F
"""Stands for the program's process id; the supervisor puts in the number."""

# Numbers on x86-64 and on AArch64; None where there is no such call.
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

# What would reach the kernel's depths, other processes or the whole machine.
_NEVER = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_getfd": (438, 438),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "unshare": (272, 97),
    "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_by_handle_at": (304, 265), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "acct": (163, 89), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None),
    "ioperm": (173, None), "syslog": (103, 116), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "fanotify_init": (300, 262), "modify_ldt": (154, None), "vhangup": (153, 58),
    # Landlock knows no files' modes, owners and attributes.
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "file_setattr": (469, 469),
}  # fmt: skip

# What a program that does its work alone can do without besides.
_ALONE = {
    "fork": (57, None), "vfork": (58, None), "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424), "symlink": (88, None), "symlinkat": (266, 36),
    "link": (86, None), "linkat": (265, 37), "mknod": (133, None), "mknodat": (259, 33),
    "truncate": (76, 45), "utime": (132, None), "utimes": (235, None), "futimesat": (261, None),
    "utimensat": (280, 88), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "setpriority": (141, 140), "sched_setscheduler": (144, 119), "sched_setattr": (314, 274),
    "sched_setparam": (142, 118), "sched_setaffinity": (203, 122), "ioprio_set": (251, 30),
    "move_pages": (279, 239), "migrate_pages": (256, 238),
}  # fmt: skip
# Of these the first argument names a process: only itself (0 is itself, or its group).
_OF_ITSELF = {
    "kill": (62, 129), "tgkill": (234, 131), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "prlimit64": (302, 261),
}  # fmt: skip
_CLONE, _CLONE3, _SOCKET = (56, 220), (435, 435), (41, 198)

_CLONE_THREAD, _NEW_NAMESPACES = 0x10000, 0x7E020000
_EPERM, _ENOSYS = 1, 38
_KILL, _REFUSE, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_AF_INET, _SOCK_STREAM, _IPPROTO_TCP = 2, 1, 6


def filter_program(*, alone: bool, network: bool | int, own_pid: bool = True) -> bytes | None:
    """A filter for a locked-in program; None where this kind of machine is not known.

    Args:
        alone: Whether it is to start no other program.
        network: True lets it have any socket, False none; a port number TCP sockets of IPv4 alone.
        own_pid: Whether its process id is that of this system (not within bubblewrap).
    """
    known = _MACHINES.get(platform.machine())
    if known is None or sys.platform != "linux" or sys.maxsize < 2**32:
        return None
    column, architecture = known
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if column == 0:  # x86-64's other calls, with 32-bit pointers
        code += [_step(_AT_LEAST, 0x40000000, 0, 1), _step(_RETURN, _KILL)]
    refused = {**_NEVER, **(_ALONE if alone else {})}
    for name in sorted(refused):
        number = refused[name][column]
        if number is not None:
            code += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _REFUSE | _EPERM)]
    # A thread of its own is not another program; the flags of clone3 lie where no filter looks.
    code += [_step(_EQUAL, _CLONE3[column], 0, 1), _step(_RETURN, _REFUSE | _ENOSYS)]
    flags = [
        _step(_LOAD, _ARGUMENTS),
        *(
            [_step(_ANY_BIT, _CLONE_THREAD, 1, 0), _step(_RETURN, _REFUSE | _EPERM)]
            if alone
            else []
        ),
        _step(_ANY_BIT, _NEW_NAMESPACES, 0, 1),
        _step(_RETURN, _REFUSE | _EPERM),
        _step(_RETURN, _ALLOW),
    ]
    code += [_step(_EQUAL, _CLONE[column], 0, len(flags)), *flags]
    if network is not True:
        code += _sockets(_SOCKET[column], allowed=network is not False)
    if alone and own_pid:
        same = [
            _step(_LOAD, _ARGUMENTS),
            _step(_EQUAL, OWN_PID, 2, 0),
            _step(_EQUAL, 0, 1, 0),
            _step(_RETURN, _REFUSE | _EPERM),
            _step(_RETURN, _ALLOW),
        ]
        for name in sorted(_OF_ITSELF):
            code += [_step(_EQUAL, _OF_ITSELF[name][column], 0, len(same)), *same]
    code.append(_step(_RETURN, _ALLOW))
    return b"".join(code)


def _sockets(number: int, *, allowed: bool) -> list[bytes]:
    """Refuse sockets: all of them, or (where a port is allowed) all but TCP over IPv4."""
    refuse = _step(_RETURN, _REFUSE | _EPERM)
    if not allowed:
        return [_step(_EQUAL, number, 0, 1), refuse]
    body = [
        _step(_LOAD, _ARGUMENTS), _step(_EQUAL, _AF_INET, 1, 0), refuse,
        _step(_LOAD, _ARGUMENTS + 8), _step(_AND, 0xF), _step(_EQUAL, _SOCK_STREAM, 1, 0), refuse,
        # Landlock's rule for ports covers TCP, and not MPTCP, which connects in the same way.
        _step(_LOAD, _ARGUMENTS + 16), _step(_EQUAL, 0, 2, 0), _step(_EQUAL, _IPPROTO_TCP, 1, 0),
        refuse,
        _step(_RETURN, _ALLOW),
    ]  # fmt: skip
    return [_step(_EQUAL, number, 0, len(body)), *body]


def _step(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One ``struct sock_filter``."""
    return struct.pack("=HBBI", code, if_true, if_false, operand)
