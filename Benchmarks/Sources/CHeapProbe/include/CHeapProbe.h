#ifndef C_HEAP_PROBE_H
#define C_HEAP_PROBE_H

#include <stdint.h>

/// How often the allocator was asked for memory since the start (malloc, calloc, realloc, aligned).
uint64_t heap_probe_allocations(void);

/// Bytes the allocator has handed out and not got back, with its own overhead (mallinfo2: uordblks + hblkhd).
uint64_t heap_probe_bytes_in_use(void);

/// True where the counts are real: with glibc.
int heap_probe_available(void);

#endif
