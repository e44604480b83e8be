// Holds the calls of epoll, which exist on Linux alone. Elsewhere they fail with ENOSYS.

#include "SockeyeTunnelShims.h"

#include <errno.h>

#ifdef __linux__

#include <sys/epoll.h>

enum { most = 64 };

int sockeye_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int sockeye_epoll_add(int set, int descriptor, uint64_t token) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = token};
  return epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event);
}

int sockeye_epoll_take(int set, struct sockeye_readiness *entries, int count) {
  struct epoll_event events[most];
  int found = epoll_wait(set, events, count < most ? count : most, 0);
  for (int number = 0; number < found; number++) {
    uint32_t what = events[number].events;
    entries[number].token = events[number].data.u64;
    entries[number].failed = (what & EPOLLERR) != 0;
    entries[number].reading = (what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    entries[number].writing = (what & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
  }
  return found;
}

#else

int sockeye_epoll_create(void) {
  errno = ENOSYS;
  return -1;
}

int sockeye_epoll_add(int set, int descriptor, uint64_t token) {
  (void)set, (void)descriptor, (void)token;
  errno = ENOSYS;
  return -1;
}

int sockeye_epoll_take(int set, struct sockeye_readiness *entries, int count) {
  (void)set, (void)entries, (void)count;
  errno = ENOSYS;
  return -1;
}

#endif
