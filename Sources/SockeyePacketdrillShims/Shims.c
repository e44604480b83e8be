// Holds the entry point that packetdrill looks for, the calls that are variadic in C, and a getsockopt of our own for
// programs that preload the library. What the calls do is in SockeyePacketdrill, in Swift.

#define _GNU_SOURCE
#include "SockeyePacketdrillShims.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

// In Swift.
void *sockeye_pd_begin(const char *flags);
void sockeye_pd_free(void *session);
int sockeye_pd_socket(void *, int, int, int);
int sockeye_pd_bind(void *, int, const struct sockaddr *, socklen_t);
int sockeye_pd_listen(void *, int, int);
int sockeye_pd_accept(void *, int, struct sockaddr *, socklen_t *);
int sockeye_pd_connect(void *, int, const struct sockaddr *, socklen_t);
ssize_t sockeye_pd_read(void *, int, void *, size_t);
ssize_t sockeye_pd_readv(void *, int, const struct iovec *, int);
ssize_t sockeye_pd_recv(void *, int, void *, size_t, int);
ssize_t sockeye_pd_recvfrom(void *, int, void *, size_t, int, struct sockaddr *, socklen_t *);
ssize_t sockeye_pd_recvmsg(void *, int, struct msghdr *, int);
ssize_t sockeye_pd_write(void *, int, const void *, size_t);
ssize_t sockeye_pd_writev(void *, int, const struct iovec *, int);
ssize_t sockeye_pd_send(void *, int, const void *, size_t, int);
ssize_t sockeye_pd_sendto(void *, int, const void *, size_t, int, const struct sockaddr *, socklen_t);
ssize_t sockeye_pd_sendmsg(void *, int, const struct msghdr *, int);
int sockeye_pd_fcntl(void *, int, int, long);
int sockeye_pd_ioctl(void *, int, unsigned long, void *);
int sockeye_pd_close(void *, int);
int sockeye_pd_shutdown(void *, int, int);
int sockeye_pd_getsockopt(void *, int, int, int, void *, socklen_t *);
int sockeye_pd_setsockopt(void *, int, int, int, const void *, socklen_t);
int sockeye_pd_poll(void *, struct pollfd *, nfds_t, int);
int sockeye_pd_netdev_send(void *, const void *, size_t);
int sockeye_pd_netdev_receive(void *, void *, size_t *, long long *);
int sockeye_pd_usleep(void *, useconds_t);
int sockeye_pd_gettimeofday(void *, struct timeval *, void *);
int sockeye_pd_epoll_create(void *, int);
int sockeye_pd_epoll_ctl(void *, int, int, int, struct epoll_event *);
int sockeye_pd_epoll_wait(void *, int, struct epoll_event *, int, int);
int sockeye_pd_pipe(void *, int *);
int sockeye_pd_splice(void *, int, int64_t *, int, int64_t *, size_t, unsigned int);
ssize_t sockeye_pd_sendfile(void *, int, int, int64_t *, size_t);
/// Whether the descriptor is a socket of the session.
int sockeye_pd_owns(void *, int);

static int shim_fcntl(void *session, int descriptor, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  // Commands without an argument get whatever is there, and don't look at it.
  long argument = va_arg(arguments, long);
  va_end(arguments);
  return sockeye_pd_fcntl(session, descriptor, command, argument);
}

static int shim_ioctl(void *session, int descriptor, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return sockeye_pd_ioctl(session, descriptor, request, argument);
}

/// The session that was begun last: a preloaded getsockopt is not told which one it is for.
static void *current_session;

static void shim_free(void *session) {
  if (current_session == session) current_session = NULL;
  sockeye_pd_free(session);
}

/// The 33 places of the table, in packetdrill's order.
__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags, void **table) {
  void *session = sockeye_pd_begin(flags);
  current_session = session;
  void *const slots[33] = {
      session,
      (void *)shim_free,
      (void *)sockeye_pd_socket,
      (void *)sockeye_pd_bind,
      (void *)sockeye_pd_listen,
      (void *)sockeye_pd_accept,
      (void *)sockeye_pd_connect,
      (void *)sockeye_pd_read,
      (void *)sockeye_pd_readv,
      (void *)sockeye_pd_recv,
      (void *)sockeye_pd_recvfrom,
      (void *)sockeye_pd_recvmsg,
      (void *)sockeye_pd_write,
      (void *)sockeye_pd_writev,
      (void *)sockeye_pd_send,
      (void *)sockeye_pd_sendto,
      (void *)sockeye_pd_sendmsg,
      (void *)shim_fcntl,
      (void *)shim_ioctl,
      (void *)sockeye_pd_close,
      (void *)sockeye_pd_shutdown,
      (void *)sockeye_pd_getsockopt,
      (void *)sockeye_pd_setsockopt,
      (void *)sockeye_pd_poll,
      (void *)sockeye_pd_netdev_send,
      (void *)sockeye_pd_netdev_receive,
      (void *)sockeye_pd_usleep,
      (void *)sockeye_pd_gettimeofday,
      (void *)sockeye_pd_epoll_create,
      (void *)sockeye_pd_epoll_ctl,
      (void *)sockeye_pd_epoll_wait,
      (void *)sockeye_pd_pipe,
      (void *)sockeye_pd_splice,
  };
  memcpy(table, slots, sizeof slots);
}

int sockeye_kernel_fcntl(int descriptor, int command, long argument) {
  return fcntl(descriptor, command, argument);
}

int sockeye_new_descriptor(void) { return eventfd(0, EFD_CLOEXEC); }

/// For a program that preloads the library: what it asks about a socket of ours the kernel can't answer.
__attribute__((visibility("default"))) int getsockopt(int descriptor, int level, int name, void *value,
                                                      socklen_t *length) {
  if (current_session != NULL && sockeye_pd_owns(current_session, descriptor)) {
    return sockeye_pd_getsockopt(current_session, descriptor, level, name, value, length);
  }
  return (int)syscall(SYS_getsockopt, descriptor, level, name, value, length);
}

/// sendfile has no place in the table either.
__attribute__((visibility("default"))) ssize_t sendfile64(int destination, int source, int64_t *offset,
                                                          size_t count) {
  if (current_session != NULL && sockeye_pd_owns(current_session, destination)) {
    return sockeye_pd_sendfile(current_session, destination, source, offset, count);
  }
  return syscall(SYS_sendfile, destination, source, offset, count);
}

__attribute__((visibility("default"))) ssize_t sendfile(int destination, int source, off_t *offset,
                                                        size_t count) {
  _Static_assert(sizeof(off_t) == sizeof(int64_t), "offsets have 64 bits");
  return sendfile64(destination, source, (int64_t *)offset, count);
}

size_t sockeye_append_control(struct msghdr *message, size_t used, int level, int type,
                              const void *value, size_t length) {
  size_t space = CMSG_SPACE(length);
  if (message->msg_control == NULL || message->msg_controllen < used + space) {
    message->msg_flags |= MSG_CTRUNC;
    return used;
  }
  struct cmsghdr *header = (struct cmsghdr *)((char *)message->msg_control + used);
  header->cmsg_len = CMSG_LEN(length);
  header->cmsg_level = level;
  header->cmsg_type = type;
  memcpy(CMSG_DATA(header), value, length);
  return used + space;
}
