// Holds what Swift needs of C's side: the structure that getsockopt(TCP_INFO) answers with, as Linux lays it out, and
// helpers for what is a macro in C. It does not hold the entry points; Shims.c does.

#ifndef SOCKEYE_PACKETDRILL_SHIMS_H
#define SOCKEYE_PACKETDRILL_SHIMS_H

#include <stddef.h>
#include <stdint.h>

/// What packetdrill looks for: fills the 33 places of `table`. `flags` is what --so_flags says, or null.
void packetdrill_interface_init(const char *flags, void **table);

/// What Linux answers to getsockopt(TCP_INFO); times are microseconds where no unit is named.
struct sockeye_tcp_info {
  uint8_t state;
  uint8_t congestion_state;
  uint8_t retransmits;
  uint8_t probes;
  uint8_t backoff;
  uint8_t options;
  /// Low four bits: the peer's window scale; high four: ours.
  uint8_t window_scales;
  /// Bit 0: the delivery rate was limited by the application. Bits 1 and 2: why Fast Open failed.
  uint8_t rate_flags;

  uint32_t rto;
  uint32_t ato;
  uint32_t snd_mss;
  uint32_t rcv_mss;

  uint32_t unacked;
  uint32_t sacked;
  uint32_t lost;
  uint32_t retrans;
  uint32_t fackets;

  // Milliseconds ago.
  uint32_t last_data_sent;
  uint32_t last_ack_sent;
  uint32_t last_data_received;
  uint32_t last_ack_received;

  uint32_t pmtu;
  uint32_t rcv_ssthresh;
  uint32_t rtt;
  uint32_t rttvar;
  uint32_t snd_ssthresh;
  uint32_t snd_cwnd;
  uint32_t advmss;
  uint32_t reordering;

  uint32_t rcv_rtt;
  uint32_t rcv_space;
  uint32_t total_retrans;

  uint64_t pacing_rate;
  uint64_t max_pacing_rate;
  uint64_t bytes_acked;
  uint64_t bytes_received;
  uint32_t segs_out;
  uint32_t segs_in;

  uint32_t notsent_bytes;
  uint32_t min_rtt;
  uint32_t data_segs_in;
  uint32_t data_segs_out;

  uint64_t delivery_rate;

  uint64_t busy_time;
  uint64_t rwnd_limited;
  uint64_t sndbuf_limited;

  uint32_t delivered;
  uint32_t delivered_ce;

  uint64_t bytes_sent;
  uint64_t bytes_retrans;
  uint32_t dsack_dups;
  uint32_t reord_seen;

  uint32_t rcv_ooopack;
  uint32_t snd_wnd;
  uint32_t rcv_wnd;
  uint32_t rehash;

  uint16_t total_rto;
  uint16_t total_rto_recoveries;
  uint32_t total_rto_time;
  uint32_t received_ce;
  uint32_t delivered_e1_bytes;
  uint32_t delivered_e0_bytes;
  uint32_t delivered_ce_bytes;
  uint32_t received_e1_bytes;
  uint32_t received_e0_bytes;
  uint32_t received_ce_bytes;
  uint16_t accecn_fail_mode;
  uint16_t accecn_opt_seen;
};

/// struct epoll_event, with the data as the number that it is at its widest.
struct sockeye_epoll_event {
  uint32_t events;
  uint64_t data;
}
#if defined(__x86_64__)
__attribute__((packed))
#endif
;

/// A descriptor of the kernel's that nothing ever happens to; below zero when there is none to be had.
int sockeye_new_descriptor(void);

/// fcntl(2) on a descriptor that is none of ours.
int sockeye_kernel_fcntl(int descriptor, int command, long argument);

struct msghdr;

/// Appends a control message to those in `message`, as recvmsg(2) does; `used` is how much of its room is taken.
///
/// Answers how much is taken afterwards; what has no room is left out and MSG_CTRUNC noted in the message.
size_t sockeye_append_control(struct msghdr *message, size_t used, int level, int type,
                              const void *value, size_t length);

#endif
