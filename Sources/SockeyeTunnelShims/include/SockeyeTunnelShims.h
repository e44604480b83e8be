// Holds the system calls that Swift's view of the C library leaves out: epoll, edge-triggered for many sockets, and to the
// nanosecond for a loop. What they are used for is SockeyeTunnel's.

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

#ifdef __linux__

/// What became ready: a descriptor, and 1 for reading, 2 for writing.
struct sockeye_ready {
  int32_t descriptor;
  uint32_t interest;
};

/// A new epoll instance; -1 with errno set when there is none to spare.
int sockeye_poller_create(void);

/// Says what a descriptor is waited for from now on: 1 for reading, 2 for writing, 0 for nothing.
int sockeye_poller_set(int poller, int descriptor, uint32_t interest);

/// Waits until something is ready or so many nanoseconds have passed; below 0 for ever.
/// Returns how many of `ready` were filled; -1 with errno set.
int sockeye_poller_wait(int poller, struct sockeye_ready *ready, int limit, int64_t nanoseconds);

/// Asks that this thread be woken when it is time, and not when the system finds it convenient, even if others are busy.
/// As far as the rights of the process and the system go.
void sockeye_wake_exactly(void);

#endif
#endif
