// Holds the echo service and its calls, without code made from a .proto file: a message is a text, in UTF-8.

import GRPCCore

/// Sends back what it is sent.
struct EchoService: RegistrableRPCService {
  /// One message, one answer.
  private static let get = MethodDescriptor(fullyQualifiedService: "sockeye.Echo", method: "Get")
  /// As many messages as the client likes, each answered at once.
  private static let update = MethodDescriptor(fullyQualifiedService: "sockeye.Echo", method: "Update")

  func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    for method in [Self.get, Self.update] {
      router.registerHandler(forMethod: method, deserializer: TextCoding(), serializer: TextCoding()) {
        request, _ in
        // For a stream of one message, one message is the answer: both methods can do the same.
        StreamingServerResponse { writer in
          for try await message in request.messages { try await writer.write(message) }
          return [:]
        }
      }
    }
  }

  // MARK: Calls

  /// Calls the method for one message.
  static func get(_ message: String, by client: GRPCClient<some ClientTransport>) async throws -> String {
    try await client.unary(
      request: ClientRequest(message: message), descriptor: get, serializer: TextCoding(),
      deserializer: TextCoding(), options: .defaults
    ) { try $0.message }
  }

  /// Calls the method for many messages.
  /// - Parameter body: gets each answer as it comes.
  static func update(
    _ messages: [String], by client: GRPCClient<some ClientTransport>,
    _ body: @escaping @Sendable (String) -> Void
  ) async throws {
    let request = StreamingClientRequest<String> { writer in
      for message in messages { try await writer.write(message) }
    }
    try await client.bidirectionalStreaming(
      request: request, descriptor: update, serializer: TextCoding(), deserializer: TextCoding(),
      options: .defaults
    ) { response in
      for try await message in response.messages { body(message) }
    }
  }
}

/// Texts as gRPC's messages.
struct TextCoding: MessageSerializer, MessageDeserializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: String) throws -> Bytes { Bytes(message.utf8) }

  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> String {
    bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}
