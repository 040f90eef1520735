"""What all tests share."""

import os

# Tests run side by side, a process per core: threads that wait for each other on cores that others hold are many times
# slower than one. Child processes inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
