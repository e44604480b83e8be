// Holds the member that keeps a large struct in place in memory. It holds no data.

/// A member of no size that makes the struct around it live in memory only.
///
/// The compiler may treat any struct as a value to be loaded, however large. It then copies all of it, a kilobyte
/// for a connection, each time a method that only reads is called from one that writes: twenty copies a
/// segment, measured. A struct with raw layout somewhere inside is only ever handled by its address.
///
///     struct Large: ~Copyable {
///       private let pinned = Pinned()
///       …
///     }
@_rawLayout(size: 0, alignment: 1)
public struct Pinned: ~Copyable, @unchecked Sendable {
  @inlinable
  public init() {}
}
