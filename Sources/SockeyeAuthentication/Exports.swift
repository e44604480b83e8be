// Holds what a program gets with this module: the stack whose segments it authenticates.

@_exported import SockeyeStack
