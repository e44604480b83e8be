// Holds the memory floor: the copies and checksums that two in-memory hosts cannot avoid, and nothing else.
// It uses none of the stack's code, so that a slow ring or checksum there cannot lower the bar.

/// Four copies (application, send ring, frame, receive ring, application) and two Internet checksums for each
/// 1448-byte segment, with 1 MiB rings and 64 KiB application buffers, in one thread.
///
/// Safe to use: every offset below is masked to a ring or is a constant within its buffer.
@safe
struct MemoryFloor: ~Copyable {
  static let segmentBytes = 1448
  static let ringBytes = 1 << 20
  static let applicationBytes = 64 << 10
  /// IPv4 and TCP headers with timestamps: the payload's place in a frame.
  static let headerBytes = 52

  private let source: UnsafeMutableRawPointer
  private let sink: UnsafeMutableRawPointer
  private let sendRing: UnsafeMutableRawPointer
  private let receiveRing: UnsafeMutableRawPointer
  private let frame: UnsafeMutableRawPointer

  init() {
    func zeroed(_ bytes: Int) -> UnsafeMutableRawPointer {
      // Page-aligned and touched, so that no page fault falls into the measurement.
      let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
      unsafe memory.initializeMemory(as: UInt8.self, repeating: 0x5A, count: bytes)
      return unsafe memory
    }
    unsafe source = zeroed(Self.applicationBytes)
    unsafe sink = zeroed(Self.applicationBytes)
    unsafe sendRing = zeroed(Self.ringBytes)
    unsafe receiveRing = zeroed(Self.ringBytes)
    unsafe frame = zeroed(2048)
  }

  deinit {
    unsafe source.deallocate()
    unsafe sink.deallocate()
    unsafe sendRing.deallocate()
    unsafe receiveRing.deallocate()
    unsafe frame.deallocate()
  }

  /// Moves at least `bytes` through; gives the bytes moved and the number of segments.
  /// - Parameter fused: whether the copies into the frame and out of it sum what they copy.
  mutating func run(bytes: Int, fused: Bool) -> (bytes: Int, segments: Int, checksum: UInt64) {
    var written = 0
    var sent = 0
    var read = 0
    var segments = 0
    var checksum: UInt64 = 0
    while read < bytes {
      unsafe Self.copy(into: sendRing, at: written, from: source, count: Self.applicationBytes)
      written += Self.applicationBytes
      while written - sent >= Self.segmentBytes {
        let payload = unsafe frame + Self.headerBytes
        if fused {
          checksum &+= unsafe Self.copySumming(from: sendRing, at: sent, to: payload)
          checksum &+= unsafe Self.copySumming(from: payload, into: receiveRing, at: sent)
        } else {
          unsafe Self.copy(from: sendRing, at: sent, to: payload, count: Self.segmentBytes)
          // The second sum goes on from the first, so that the two cannot be made one.
          let first = unsafe Self.sum(payload, Self.segmentBytes, from: checksum)
          checksum = unsafe Self.sum(payload, Self.segmentBytes, from: first)
          unsafe Self.copy(into: receiveRing, at: sent, from: payload, count: Self.segmentBytes)
        }
        sent += Self.segmentBytes
        segments += 1
      }
      while sent - read >= Self.applicationBytes {
        unsafe Self.copy(from: receiveRing, at: read, to: sink, count: Self.applicationBytes)
        read += Self.applicationBytes
      }
    }
    return (read, segments, checksum)
  }

  /// Copies into a ring at an ever-growing position, in two pieces where it wraps.
  @inline(__always)
  private static func copy(
    into ring: UnsafeMutableRawPointer, at position: Int, from bytes: UnsafeMutableRawPointer, count: Int
  ) {
    let start = position & (ringBytes - 1)
    let first = min(count, ringBytes - start)
    unsafe (ring + start).copyMemory(from: bytes, byteCount: first)
    if first < count { unsafe ring.copyMemory(from: bytes + first, byteCount: count - first) }
  }

  @inline(__always)
  private static func copy(
    from ring: UnsafeMutableRawPointer, at position: Int, to bytes: UnsafeMutableRawPointer, count: Int
  ) {
    let start = position & (ringBytes - 1)
    let first = min(count, ringBytes - start)
    unsafe bytes.copyMemory(from: ring + start, byteCount: first)
    if first < count { unsafe (bytes + first).copyMemory(from: ring, byteCount: count - first) }
  }

  /// A segment that does not wrap in one pass; the one in 724 that wraps in two.
  @inline(__always)
  private static func copySumming(
    from ring: UnsafeMutableRawPointer, at position: Int, to bytes: UnsafeMutableRawPointer
  ) -> UInt64 {
    let start = position & (ringBytes - 1)
    if start + segmentBytes <= ringBytes { return unsafe copyAndSum(ring + start, bytes, segmentBytes) }
    unsafe copy(from: ring, at: position, to: bytes, count: segmentBytes)
    return unsafe sum(bytes, segmentBytes)
  }

  @inline(__always)
  private static func copySumming(
    from bytes: UnsafeMutableRawPointer, into ring: UnsafeMutableRawPointer, at position: Int
  ) -> UInt64 {
    let start = position & (ringBytes - 1)
    if start + segmentBytes <= ringBytes { return unsafe copyAndSum(bytes, ring + start, segmentBytes) }
    unsafe copy(into: ring, at: position, from: bytes, count: segmentBytes)
    return unsafe sum(bytes, segmentBytes)
  }

  /// Each 64-bit lane adds the halves of what it loads; a segment is far too short to overflow it.
  private typealias Lanes = SIMD8<UInt64>

  /// The ones' complement sum before folding; `count` is a multiple of 8.
  private static func sum(_ bytes: UnsafeMutableRawPointer, _ count: Int, from initial: UInt64 = 0) -> UInt64
  {
    let low = Lanes(repeating: 0xFFFF_FFFF)
    var even = Lanes.zero
    even[0] = initial & 0xFFFF_FFFF
    var odd = Lanes.zero
    var offset = 0
    while offset + 64 <= count {
      let block = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
      even &+= block & low
      odd &+= block &>> 32
      offset += 64
    }
    var total = (even &+ odd).wrappedSum()
    while offset + 8 <= count {
      let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      total &+= (word & 0xFFFF_FFFF) &+ (word >> 32)
      offset += 8
    }
    return total
  }

  private static func copyAndSum(
    _ from: UnsafeMutableRawPointer, _ to: UnsafeMutableRawPointer, _ count: Int
  ) -> UInt64 {
    let low = Lanes(repeating: 0xFFFF_FFFF)
    var even = Lanes.zero
    var odd = Lanes.zero
    var offset = 0
    while offset + 64 <= count {
      let block = unsafe from.loadUnaligned(fromByteOffset: offset, as: Lanes.self)
      unsafe to.storeBytes(of: block, toByteOffset: offset, as: Lanes.self)
      even &+= block & low
      odd &+= block &>> 32
      offset += 64
    }
    var total = (even &+ odd).wrappedSum()
    while offset + 8 <= count {
      let word = unsafe from.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      unsafe to.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
      total &+= (word & 0xFFFF_FFFF) &+ (word >> 32)
      offset += 8
    }
    return total
  }
}
