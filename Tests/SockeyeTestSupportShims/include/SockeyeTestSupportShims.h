// Holds what tests ask the C library that Swift's view of it leaves out. What they make of it is theirs.

#ifndef SOCKEYE_TEST_SUPPORT_SHIMS_H
#define SOCKEYE_TEST_SUPPORT_SHIMS_H

#include <stddef.h>

/// Octets of memory that the process has got from its allocator and not given back; 0 where the allocator does not tell.
size_t sockeye_allocated(void);

#endif
