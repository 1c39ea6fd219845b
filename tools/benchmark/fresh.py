"""What a piece of source costs in a process of its own: ``python fresh.py SOURCE``.

Prints the seconds that the source took and the bytes of resident memory that it added.  The whole process is timed by
whoever starts it; with the source ``pass`` it is the bare Python that the others are compared with.
"""

import os
import sys
from time import perf_counter


def resident():
    """Bytes of this process in memory."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return 0
    # The highest ever is close enough while a process only grows; kilobytes except on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


source = compile(sys.argv[1], "fresh", "exec")
# Outlives the source: what it made must still be there when the memory is counted.
names = {}
before = resident()
begin = perf_counter()
exec(source, names)
spent = perf_counter() - begin
print(spent, resident() - before)
