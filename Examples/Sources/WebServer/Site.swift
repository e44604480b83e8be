// Holds what the web server answers: Hummingbird's router, as in any program of Hummingbird's.

import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

enum Site {
  /// The routes as a function that channels call with each request.
  static func responder(_ logger: Logger) -> HTTPChannelHandler.Responder {
    let responder = router().buildResponder()
    return { (request, writer: consuming ResponseWriter, channel) in
      let context = BasicRequestContext(
        source: ApplicationRequestContextSource(channel: channel, logger: logger))
      let response: Response
      do {
        response = try await responder.respond(to: request, context: context)
      } catch {
        logger.error("\(request.uri): \(error)")
        response = Response(status: .internalServerError)
      }
      try await writer.write(response: response.head, body: response.body)
    }
  }

  private static func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.get("/") { _, _ in "Hummingbird on Sockeye\n" }
    // A body of any length, which never is in memory as a whole.
    router.get("/bytes/:count") { _, context in
      let count = try context.parameters.require("count", as: Int.self)
      guard count >= 0 else { throw HTTPError(.badRequest) }
      return Response(
        status: .ok, headers: [.contentType: "application/octet-stream", .contentLength: "\(count)"],
        body: ResponseBody(contentLength: count) { writer in try await writePattern(count, to: writer) })
    }
    // What comes goes back as it comes: a client that doesn't read can't send much more, either.
    router.post("/echo") { request, _ in
      Response(status: .ok, body: ResponseBody(asyncSequence: request.body))
    }
    return router
  }

  /// Writes 0, 1, … 250, 0, 1, … , so many octets of it.
  private static func writePattern(_ count: Int, to writer: consuming any ResponseBodyWriter) async throws {
    let period = ByteBuffer(bytes: (0..<251 * 256).map { UInt8($0 % 251) })
    var left = count
    while left > 0 {
      let size = min(left, period.readableBytes)
      // A part of a buffer shares its storage.
      guard let piece = period.getSlice(at: period.readerIndex, length: size) else { break }
      try await writer.write(piece)
      left -= size
    }
    try await writer.finish(nil)
  }
}
