// Holds epoll behind plain types; what is waited for, and why, is its caller's affair.

#ifdef __linux__
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

#include "SockeyeTunnelShims.h"

int sockeye_poller_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int sockeye_poller_set(int poller, int descriptor, uint32_t interest) {
  struct epoll_event event = {0};
  event.data.fd = descriptor;
  if (interest & 1) event.events |= EPOLLIN;
  if (interest & 2) event.events |= EPOLLOUT;
  if (interest == 0) {
    int result = epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, &event);
    return result < 0 && errno == ENOENT ? 0 : result;
  }
  int result = epoll_ctl(poller, EPOLL_CTL_MOD, descriptor, &event);
  return result < 0 && errno == ENOENT ? epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) : result;
}

int sockeye_poller_wait(int poller, struct sockeye_ready *ready, int limit, int64_t nanoseconds) {
  struct epoll_event events[16];
  if (limit > 16) limit = 16;
  // An epoll instance is itself a descriptor to wait for: ppoll waits to the nanosecond on kernels whose
  // epoll_wait knows milliseconds only.
  struct pollfd entry = {.fd = poller, .events = POLLIN};
  struct timespec patience = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  int count = epoll_wait(poller, events, limit, 0);
  if (count == 0 && nanoseconds != 0) {
    int woken = ppoll(&entry, 1, nanoseconds < 0 ? 0 : &patience, 0);
    if (woken <= 0) return woken;
    count = epoll_wait(poller, events, limit, 0);
  }
  for (int i = 0; i < count; i++) {
    uint32_t failed = events[i].events & (EPOLLERR | EPOLLHUP);
    ready[i].descriptor = events[i].data.fd;
    ready[i].interest = (failed || (events[i].events & EPOLLIN) ? 1 : 0) |
                        (failed || (events[i].events & EPOLLOUT) ? 2 : 0);
  }
  return count;
}
#endif
