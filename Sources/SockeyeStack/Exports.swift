// Holds nothing but the re-exports: whoever uses a host needs addresses, headers and TCP's settings beside it.

@_exported public import SockeyeTCP
@_exported public import SockeyeWire
