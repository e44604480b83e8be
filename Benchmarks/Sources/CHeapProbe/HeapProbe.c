// Stands in front of glibc's allocator and counts the calls: the executable's `malloc` is found before the
// library's, which it then calls by its internal name. It holds no policy and changes no result.
#include "CHeapProbe.h"

#include <stdlib.h>

#if defined(__GLIBC__)
#include <errno.h>
#include <malloc.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static uint64_t allocations;

void *malloc(size_t size) {
  allocations++;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  allocations++;
  return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
  allocations++;
  return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
  allocations++;
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
  void *found = memalign(alignment, size);
  if (found == NULL) return ENOMEM;
  *block = found;
  return 0;
}

uint64_t heap_probe_allocations(void) { return allocations; }

uint64_t heap_probe_bytes_in_use(void) {
  struct mallinfo2 now = mallinfo2();
  return (uint64_t)now.uordblks + (uint64_t)now.hblkhd;
}

int heap_probe_available(void) { return 1; }

#else

uint64_t heap_probe_allocations(void) { return 0; }
uint64_t heap_probe_bytes_in_use(void) { return 0; }
int heap_probe_available(void) { return 0; }

#endif
