// Holds the system calls that Swift's view of the C library leaves out: epoll. What they are used for is SockeyeTunnel's.

#ifndef SOCKEYE_TUNNEL_SHIMS_H
#define SOCKEYE_TUNNEL_SHIMS_H

#include <stdint.h>

/// What became ready, and for whom.
struct sockeye_readiness {
  uint64_t token;
  /// Something to read, or the end of it.
  uint8_t reading;
  /// Room to write.
  uint8_t writing;
  /// The descriptor has failed.
  uint8_t failed;
};

/// A new epoll instance; -1 and errno where there is none (ENOSYS on systems other than Linux).
int sockeye_epoll_create(void);

/// Tells of a descriptor's changes from now on (edge-triggered), in both directions, under this token.
int sockeye_epoll_add(int set, int descriptor, uint64_t token);

/// What has changed since the last call, without waiting.
int sockeye_epoll_take(int set, struct sockeye_readiness *entries, int count);

#endif
