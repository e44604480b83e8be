// Shows that plots have round ticks, whole documents of a bounded size, and numbers without surprises.

import Foundation
import SockeyeBytes
import SockeyeSimulator
import Testing

@testable import SockeyeCommand

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct PlotAxisTests {
  @Test(
    arguments: [
      (1, ["0", "1"], "bytes"), (1234, ["0", "0.5", "1", "1.5"], "kB"),
      (20_000_000, ["0", "5", "10", "15", "20"], "MB"),
      (20_000_001, ["0", "5", "10", "15", "20", "25"], "MB"),
      (870_000, ["0", "0.2", "0.4", "0.6", "0.8", "1"], "MB"),
      (370_000, ["0", "100", "200", "300", "400"], "kB"),
      (1_000_000_000_000, ["0", "0.2", "0.4", "0.6", "0.8", "1"], "TB"),
    ] as [(UInt64, [String], String)])
  func ticksAreRound(largest: UInt64, labels: [String], unit: String) {
    let axis = PlotAxis(upTo: largest, .bytes, ticks: 5)
    #expect(axis.ticks.map(axis.label) == labels)
    #expect(axis.unitName == unit)
    #expect(axis.maximum >= largest)
  }

  @Test func timeEndsWhereTheRunEnds() {
    let axis = PlotAxis(upTo: 2_340_000_000, .time, ticks: 12, endsAtTick: false)
    #expect(axis.maximum == 2_340_000_000 && axis.unitName == "s")
    #expect(
      axis.ticks.map(axis.label) == [
        "0", "0.2", "0.4", "0.6", "0.8", "1", "1.2", "1.4", "1.6", "1.8", "2", "2.2",
      ])
    #expect(axis.position(of: 0, from: 800, to: 9700) == 800)
    #expect(axis.position(of: 2_340_000_000, from: 800, to: 9700) == 9700)
    #expect(axis.position(of: 1_170_000_000, from: 9700, to: 800) == 5250)
  }

  @Test func manyMagnitudes() {
    var largest: UInt64 = 1
    while largest < 1 << 40 {
      let axis = PlotAxis(upTo: largest, .time, ticks: 6)
      #expect(axis.ticks.count >= 2 && axis.ticks.count <= 7, "\(largest)")
      #expect(Set(axis.ticks.map(axis.label)).count == axis.ticks.count, "\(largest)")
      #expect(axis.ticks.allSatisfy { axis.label($0).count <= 5 }, "\(largest)")
      largest = largest * 3 / 2 + 1
    }
  }
}

@Suite struct BulkPlotTests {
  private func document(flows: Int) -> String {
    var configuration = BulkConfiguration(bytes: 600_000)
    configuration.roundTrip = .milliseconds(10)
    configuration.loss = .percent(2)
    configuration.flows = Array(repeating: configuration.flows[0], count: flows)
    let simulation = BulkSimulation(configuration, isRecording: true)
    while simulation.step() {}
    return BulkPlot.document(simulation.report(), simulation.flowRecordings)
  }

  @Test(arguments: [1, 2, 8])
  func isAWellFormedDocumentOfBoundedSize(flows: Int) throws {
    let document = document(flows: flows)
    let parser = XMLParser(data: Data(document.utf8))
    let counter = ElementCounter()
    parser.delegate = counter
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
    #expect(counter.elements["svg"] == 1)
    #expect(try #require(counter.elements["path"]) > 20)
    #expect(document.utf8.count < 400_000)
    let isPlain = counter.lines.allSatisfy { $0.allSatisfy { "MLh0123456789. ".contains($0) } }
    #expect(isPlain, "numbers are plain decimals")
    #expect(document == self.document(flows: flows), "the same run gives the same picture")
  }

  @Test func saysWhatItShows() {
    let alone = document(flows: 1)
    for words in [
      "Congestion window and bytes in flight (", "smoothed round trip", "propagation alone", "acknowledged",
      "sent",
      "retransmitted in vain (spurious)", "time since the connections were opened (", "loss 2 %",
    ] { #expect(alone.contains(words), "\(words)") }
    #expect(document(flows: 8).contains("the first 6 of 8 flows"))
  }

  @Test func longTitlesAreCutBehindACommaAndWhole() {
    #expect(BulkPlot.lines(of: "a, b, c") == ["a, b, c"])
    let parts = (0..<40).map { "part \($0) of it" }
    let lines = BulkPlot.lines(of: parts.joined(separator: ", "))
    #expect(lines.count > 3 && lines.allSatisfy { $0.count <= 141 })
    #expect(lines.joined(separator: " ") == parts.joined(separator: ", "))
  }

  private final class ElementCounter: NSObject, XMLParserDelegate {
    var elements: [String: Int] = [:]
    var lines: [String] = []

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      elements[name, default: 0] += 1
      if let line = attributes["d"] { lines.append(line) }
    }
  }
}

@Suite struct SVGCanvasTests {
  @Test func coordinatesAreTenths() {
    #expect([0, 5, 10, 123, -7, -120].map(SVGCanvas.tenths) == ["0", "0.5", "1", "12.3", "-0.7", "-12"])
  }

  @Test func wordsAreEscaped() {
    var canvas = SVGCanvas(width: 10, height: 10, title: "a < b & c")
    canvas.write("x > y", at: .pixels(1, 2), isUpright: false)
    #expect(canvas.document.contains("a &lt; b &amp; c") && canvas.document.contains(">x &gt; y<"))
    #expect(canvas.document.contains("rotate(-90 1 2)"))
  }
}
