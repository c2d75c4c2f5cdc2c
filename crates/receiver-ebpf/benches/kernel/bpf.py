"""bpf(2): which programs are loaded, on which hooks, and what the kernel's clock says of
them; and libbpf, which loads the benchmark's own objects.

The clock is switched on by BPF_ENABLE_STATS: it runs while the descriptor is open, so
kernel.bpf_stats_enabled stays as it is, whatever way the benchmark ends."""

import contextlib
import ctypes
import dataclasses
import os
import platform
import struct

NR_BPF = {"x86_64": 321, "aarch64": 280}
PROG_NEXT_ID, PROG_BY_ID, OBJECT_INFO, LINK_BY_ID, LINK_NEXT_ID, ENABLE_STATS = 11, 13, 15, 30, 31, 32
LINK_RAW_TRACEPOINT = 1
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclasses.dataclass(frozen=True)
class Program:
    """A loaded program. Its hook is the name of its tracepoint, or nothing where it has none."""

    id: int
    name: str
    hook: str
    kind: str  # btf or classic


def bpf(command, attributes):
    """One bpf(2) call; its result and the attributes as the kernel left them."""
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = LIBC.syscall(NR_BPF[platform.machine()], command, buffer, len(buffer))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"bpf command {command}: {os.strerror(error)}")
    return result, buffer.raw


def ids(next_id_command):
    """Every id of programs or of links."""
    last = 0
    while True:
        try:
            last = struct.unpack_from("=I", bpf(next_id_command, struct.pack("=I", last))[1], 4)[0]
        except FileNotFoundError:
            return
        yield last


def info(by_id_command, number, pointers=b""):
    """bpf_prog_info or bpf_link_info of an id; None once it is gone."""
    try:
        descriptor = bpf(by_id_command, struct.pack("=I", number))[0]
    except FileNotFoundError:
        return None
    try:
        buffer = ctypes.create_string_buffer(pointers, 256)
        bpf(OBJECT_INFO, struct.pack("=IIQ", descriptor, len(buffer), ctypes.addressof(buffer)))
        return buffer.raw
    finally:
        os.close(descriptor)


def costs(programs):
    """By program: run_time_ns and run_cnt."""
    found = {program: info(PROG_BY_ID, program.id) for program in programs}
    return {program: struct.unpack_from("=QQ", data, 192) for program, data in found.items() if data}


def program_name(number):
    """The first 15 letters of the name of a program; None once it is gone."""
    data = info(PROG_BY_ID, number)
    return data and data[64:80].split(b"\0")[0].decode()


def hooks_by_program():
    """Program id -> tracepoint, of links of raw and of BTF tracepoints."""
    hooks = {}
    name = ctypes.create_string_buffer(64)
    for link in ids(LINK_NEXT_ID):
        data = None
        wanted = struct.pack("=IIIIQI", 0, 0, 0, 0, ctypes.addressof(name), len(name))
        # Links of another kind may not take a buffer for a name.
        with contextlib.suppress(OSError):
            data = info(LINK_BY_ID, link, wanted)
        if data and struct.unpack_from("=I", data)[0] == LINK_RAW_TRACEPOINT:
            hooks[struct.unpack_from("=I", data, 8)[0]] = name.value.decode()
    return hooks


def held_by(pid):
    """Ids of the programs whose descriptors, or links, a process has open."""
    held = set()
    for number in os.listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as lines:
            held |= {int(line.split()[1]) for line in lines if line.startswith("prog_id:")}
    return held


@contextlib.contextmanager
def clock():
    """Has the kernel time every program; costs some 100 ns a run, so not for end-to-end figures."""
    descriptor = bpf(ENABLE_STATS, struct.pack("=I", 0))[0]
    try:
        yield
    finally:
        os.close(descriptor)


class Libbpf:
    """The few calls of libbpf 1.x that load an object and attach its programs."""

    def __init__(self):
        self.lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
        for name in ("object__open", "object__next_program", "program__attach"):
            getattr(self.lib, f"bpf_{name}").restype = ctypes.c_void_p
        for name in ("name", "section_name"):
            getattr(self.lib, f"bpf_program__{name}").restype = ctypes.c_char_p

    @contextlib.contextmanager
    def attached(self, path, kind=""):
        """The programs of an object, or those of one kind, attached by their section names."""
        bpf_object = self.must(self.lib.bpf_object__open(os.fsencode(path)), f"open {path}")
        links = []
        try:
            found = self.programs(bpf_object)
            for handle, program in found:
                self.lib.bpf_program__set_autoload(handle, kind in ("", program.kind))
            wanted = [each for each in found if kind in ("", each[1].kind)]
            if self.lib.bpf_object__load(bpf_object):
                self.must(None, f"load {path}")
            for handle, program in wanted:
                links.append(self.must(self.lib.bpf_program__attach(handle), f"attach {program.name}"))
            yield [
                dataclasses.replace(program, id=self.id_of(self.lib.bpf_program__fd(handle)))
                for handle, program in wanted
            ]
        finally:
            for link in links:
                self.lib.bpf_link__destroy(link)
            self.lib.bpf_object__close(bpf_object)

    def programs(self, bpf_object):
        """Handle and description of each program, not loaded yet."""
        handle, found = None, []
        while handle := self.lib.bpf_object__next_program(bpf_object, handle and ctypes.c_void_p(handle)):
            handle_pointer = ctypes.c_void_p(handle)
            section = self.lib.bpf_program__section_name(handle_pointer).decode()
            kind = "btf" if section.startswith("tp_btf/") else "classic"
            name = self.lib.bpf_program__name(handle_pointer).decode()
            found.append((handle_pointer, Program(0, name, section.rpartition("/")[2], kind)))
        return found

    @staticmethod
    def id_of(descriptor):
        """The id of an open program."""
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("prog_id:"))

    @staticmethod
    def must(pointer, what):
        """A pointer that is not null, wrapped for the next call."""
        if not pointer:
            error = ctypes.get_errno()
            raise OSError(error, f"libbpf cannot {what}: {os.strerror(error)}")
        return ctypes.c_void_p(pointer)
