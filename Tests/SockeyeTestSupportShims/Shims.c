// Holds the ways in which allocators tell how much they have given out.

#include "SockeyeTestSupportShims.h"

#if defined(__APPLE__)

#include <malloc/malloc.h>

size_t sockeye_allocated(void) {
  malloc_statistics_t statistics;
  malloc_zone_statistics(NULL, &statistics);
  return statistics.size_in_use;
}

#else

#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

/// Blocks that glibc's threads keep for themselves count as given out, and their number depends on chance. Processes that
/// tests start have them given back; this one has begun with what it was given.
__attribute__((constructor)) static void children_keep_no_blocks(void) {
  setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 0);
}

/// There only in programs built with a sanitizer, which brings an allocator of its own.
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

size_t sockeye_allocated(void) {
  if (__sanitizer_get_current_allocated_bytes) return __sanitizer_get_current_allocated_bytes();
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  // Blocks of all arenas, and those that are too large for one.
  struct mallinfo2 information = mallinfo2();
  return information.uordblks + information.hblkhd;
#else
  return 0;
#endif
}

#endif
