// Holds what sockets give one after another, as an async sequence: connections, flows, datagrams, pieces of text.

/// What a socket gives one after another. Each element is asked for when the one before it was taken, so that nothing piles up.
/// It ends when the socket ends in order, and throws what else has ended it.
public struct SocketSequence<Element: Sendable>: AsyncSequence, Sendable {
  public typealias Failure = NetworkError
  private let take: @Sendable () async throws(NetworkError) -> Element?

  init(_ take: @escaping @Sendable () async throws(NetworkError) -> Element?) { self.take = take }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(take) }

  public struct AsyncIterator: AsyncIteratorProtocol {
    private let take: @Sendable () async throws(NetworkError) -> Element?

    init(_ take: @escaping @Sendable () async throws(NetworkError) -> Element?) { self.take = take }

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(NetworkError) -> Element? {
      try await take()
    }

    public mutating func next() async throws(NetworkError) -> Element? { try await take() }
  }
}
