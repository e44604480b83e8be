// How points in virtual time are printed for people: seconds at first, then minutes and hours.

public import SockeyeBytes

/// Points in time as a reader of a ladder sees them.
public enum ClockText {
  /// A time since the start with milliseconds: "0.020 s", "1:00.060", "2:12:30.060".
  public static func text(_ elapsed: Interval) -> String {
    let milliseconds = UInt64(max(elapsed.nanoseconds, 0)) / 1_000_000
    let seconds = milliseconds / 1_000
    let fraction = "." + decimal(milliseconds % 1_000, width: 3)
    if seconds < 60 { return decimal(seconds) + fraction + " s" }
    let minutes = seconds / 60
    if minutes < 60 { return decimal(minutes) + ":" + decimal(seconds % 60, width: 2) + fraction }
    return decimal(minutes / 60) + ":" + decimal(minutes % 60, width: 2) + ":"
      + decimal(seconds % 60, width: 2) + fraction
  }

  /// What is left of a timer: "0.98 s", "2 min 30 s".
  static func countdown(_ rest: Interval) -> String {
    let hundredths = UInt64(max(rest.nanoseconds, 0)) / 10_000_000
    if hundredths >= 12_000 { return words(rest) }
    return decimal(hundredths / 100) + "." + decimal(hundredths % 100, width: 2) + " s"
  }

  /// A length of time in words: "40 ms", "59.96 s", "2 min 30 s", "2 h 12 min". From two minutes on it is
  /// rounded.
  public static func words(_ interval: Interval) -> String {
    let seconds = (UInt64(max(interval.nanoseconds, 0)) + 500_000_000) / 1_000_000_000
    if seconds < 120 { return interval.description }
    if seconds < 7_200 {
      return decimal(seconds / 60) + " min" + (seconds % 60 == 0 ? "" : " " + decimal(seconds % 60) + " s")
    }
    let minutes = seconds / 60
    return decimal(minutes / 60) + " h" + (minutes % 60 == 0 ? "" : " " + decimal(minutes % 60) + " min")
  }
}
