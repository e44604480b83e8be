// Holds nothing but the re-export: whoever uses wire values needs the spans' loads and stores beside them.

@_exported public import SockeyeBytes
