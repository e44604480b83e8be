// Holds a network as a service among others of a program (swift-service-lifecycle).

public import ServiceLifecycle

extension Network: Service {
  /// Waits for the program's graceful shutdown, then shuts the network down: listeners close, connections get five seconds
  /// to finish, and those that are left are reset.
  public func run() async throws {
    // Cancellation, the end without grace, is what `gracefulShutdown` throws for.
    let isGraceful = (try? await gracefulShutdown()) != nil
    await shutDown(grace: isGraceful ? .seconds(5) : .zero)
  }
}
