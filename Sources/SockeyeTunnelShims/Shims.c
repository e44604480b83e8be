// Holds the calls of epoll and of exact waking, which exist on Linux alone. Elsewhere the former fail with ENOSYS, and the
// latter do nothing.

#define _GNU_SOURCE
#include "SockeyeTunnelShims.h"

#include <errno.h>

#ifdef __linux__

#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

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

void sockeye_wake_exactly(void) {
  // Timers of ordinary threads may be 50 us late, so that several can be served at once; 1 ns is the least.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  // The lowest of the real-time priorities is above all ordinary threads. It takes a right that not everybody has.
  struct sched_param parameter = {.sched_priority = 1};
  sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter);
}

#else

void sockeye_wake_exactly(void) {}

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
