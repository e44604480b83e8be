// Holds the well-known ports and how one is looked up; it does not hold the command that prints them.

/// A port that a service is known by (IANA's Service Name and Transport Protocol Port Number Registry,
/// RFC 6335).
struct WellKnownPort: Equatable, Sendable {
  enum Transport: String, Sendable {
    case tcp = "TCP"
    case udp = "UDP"
    case both = "TCP, UDP"
  }

  var number: UInt16
  var name: String
  var transport: Transport
  var purpose: String
  /// Other names that people look for.
  var aliases: [String] = []
}

enum PortTable {
  /// All that the tool knows, by number.
  static let all: [WellKnownPort] = [
    port(7, "ECHO", .both, "sends back what it gets"),
    port(9, "DISCARD", .both, "throws away what it gets"),
    port(13, "DAYTIME", .both, "the time of day, as text"),
    port(19, "CHARGEN", .both, "an endless stream of characters"),
    port(20, "FTP-DATA", .tcp, "file transfer: data", "FTP"),
    port(21, "FTP", .tcp, "file transfer: control"),
    port(22, "SSH", .tcp, "secure shell; SFTP, SCP", "SFTP", "SCP"),
    port(23, "TELNET", .tcp, "terminal, not encrypted"),
    port(25, "SMTP", .tcp, "mail between servers", "MAIL"),
    port(37, "TIME", .both, "the time, as a number"),
    port(43, "WHOIS", .tcp, "who owns a domain or an address"),
    port(49, "TACACS", .both, "login host protocol"),
    port(53, "DNS", .both, "names to addresses", "DOMAIN"),
    port(67, "DHCP-SERVER", .udp, "address assignment, server's side", "DHCP", "BOOTPS"),
    port(68, "DHCP-CLIENT", .udp, "address assignment, client's side", "DHCP", "BOOTPC"),
    port(69, "TFTP", .udp, "trivial file transfer"),
    port(70, "GOPHER", .tcp, "menus of documents"),
    port(79, "FINGER", .tcp, "who is logged in"),
    port(80, "HTTP", .tcp, "web", "WWW"),
    port(88, "KERBEROS", .both, "authentication"),
    port(102, "ISO-TSAP", .tcp, "ISO transport on TCP; S7 controllers", "S7"),
    port(110, "POP3", .tcp, "fetching mail", "POP"),
    port(111, "SUNRPC", .both, "remote procedure call portmapper", "RPCBIND", "PORTMAP"),
    port(119, "NNTP", .tcp, "news"),
    port(123, "NTP", .udp, "network time"),
    port(135, "MSRPC", .tcp, "Windows remote procedure call", "EPMAP"),
    port(137, "NETBIOS-NS", .udp, "NetBIOS names", "NETBIOS"),
    port(138, "NETBIOS-DGM", .udp, "NetBIOS datagrams", "NETBIOS"),
    port(139, "NETBIOS-SSN", .tcp, "NetBIOS sessions", "NETBIOS"),
    port(143, "IMAP", .tcp, "reading mail on the server", "IMAP4"),
    port(161, "SNMP", .udp, "network management: queries"),
    port(162, "SNMP-TRAP", .udp, "network management: traps", "SNMP"),
    port(179, "BGP", .tcp, "routing between networks"),
    port(194, "IRC", .tcp, "chat"),
    port(389, "LDAP", .both, "directory"),
    port(443, "HTTPS", .both, "web over TLS; over QUIC with UDP", "QUIC", "HTTP/3"),
    port(445, "SMB", .tcp, "Windows file sharing", "MICROSOFT-DS", "CIFS"),
    port(465, "SMTPS", .tcp, "mail submission over TLS", "SUBMISSIONS"),
    port(500, "IKE", .udp, "IPsec key exchange", "ISAKMP"),
    port(514, "SYSLOG", .udp, "log messages"),
    port(515, "LPD", .tcp, "printing", "PRINTER"),
    port(520, "RIP", .udp, "routing inside a network"),
    port(546, "DHCPV6-CLIENT", .udp, "IPv6 address assignment, client's side", "DHCPV6"),
    port(547, "DHCPV6-SERVER", .udp, "IPv6 address assignment, server's side", "DHCPV6"),
    port(554, "RTSP", .both, "control of media streams"),
    port(587, "SUBMISSION", .tcp, "mail from a client", "SMTP-SUBMISSION"),
    port(623, "IPMI", .udp, "management of a server's hardware"),
    port(631, "IPP", .both, "printing", "CUPS"),
    port(636, "LDAPS", .tcp, "directory over TLS"),
    port(853, "DNS-OVER-TLS", .both, "names to addresses, encrypted", "DOT", "DOQ"),
    port(873, "RSYNC", .tcp, "copying files that differ"),
    port(989, "FTPS-DATA", .tcp, "file transfer over TLS: data", "FTPS"),
    port(990, "FTPS", .tcp, "file transfer over TLS: control"),
    port(993, "IMAPS", .tcp, "reading mail over TLS"),
    port(995, "POP3S", .tcp, "fetching mail over TLS"),
    port(1080, "SOCKS", .tcp, "proxy"),
    port(1194, "OPENVPN", .both, "virtual private network"),
    port(1433, "MSSQL", .tcp, "Microsoft SQL Server", "MS-SQL-S", "SQLSERVER"),
    port(1521, "ORACLE", .tcp, "Oracle database"),
    port(1701, "L2TP", .udp, "tunnel of layer 2"),
    port(1723, "PPTP", .tcp, "tunnel, point to point"),
    port(1812, "RADIUS", .udp, "network login"),
    port(1813, "RADIUS-ACCT", .udp, "network login: accounting", "RADIUS"),
    port(1883, "MQTT", .tcp, "messages of small devices"),
    port(1900, "SSDP", .udp, "discovery of devices", "UPNP"),
    port(2049, "NFS", .both, "network file system"),
    port(2181, "ZOOKEEPER", .tcp, "coordination of servers"),
    port(2375, "DOCKER", .tcp, "Docker's API, not encrypted"),
    port(2376, "DOCKER-TLS", .tcp, "Docker's API over TLS", "DOCKER"),
    port(2379, "ETCD", .tcp, "key-value store of a cluster: clients"),
    port(2380, "ETCD-PEER", .tcp, "key-value store of a cluster: servers", "ETCD"),
    port(3128, "SQUID", .tcp, "web proxy"),
    port(3260, "ISCSI", .tcp, "disks over the network"),
    port(3306, "MYSQL", .tcp, "MySQL and MariaDB", "MARIADB"),
    port(3389, "RDP", .both, "remote desktop", "MS-WBT-SERVER"),
    port(3401, "SOCKEYE", .tcp, "the port `sockeye serve` listens on unless told otherwise"),
    port(3478, "STUN", .both, "finding one's own address", "TURN"),
    port(4317, "OTLP-GRPC", .tcp, "telemetry over gRPC", "OTLP"),
    port(4318, "OTLP-HTTP", .tcp, "telemetry over HTTP", "OTLP"),
    port(4369, "EPMD", .tcp, "Erlang's name server"),
    port(4500, "IPSEC-NAT-T", .udp, "IPsec through address translation", "IPSEC"),
    port(4789, "VXLAN", .udp, "Ethernet over UDP"),
    port(5060, "SIP", .both, "calls"),
    port(5061, "SIPS", .tcp, "calls over TLS"),
    port(5201, "IPERF3", .both, "speed measurement", "IPERF"),
    port(5222, "XMPP", .tcp, "chat: clients", "JABBER"),
    port(5269, "XMPP-SERVER", .tcp, "chat: servers", "XMPP"),
    port(5353, "MDNS", .udp, "names on the local network", "BONJOUR"),
    port(5432, "POSTGRESQL", .tcp, "PostgreSQL", "POSTGRES"),
    port(5671, "AMQPS", .tcp, "message queues over TLS"),
    port(5672, "AMQP", .tcp, "message queues", "RABBITMQ"),
    port(5683, "COAP", .udp, "requests of small devices"),
    port(5684, "COAPS", .udp, "requests of small devices over DTLS"),
    port(5900, "VNC", .tcp, "remote desktop", "RFB"),
    port(5985, "WINRM", .tcp, "remote management of Windows"),
    port(5986, "WINRMS", .tcp, "remote management of Windows over TLS"),
    port(6379, "REDIS", .tcp, "Redis and Valkey", "VALKEY"),
    port(6443, "KUBERNETES", .tcp, "Kubernetes' API", "K8S"),
    port(6667, "IRC-ALT", .tcp, "chat, as most servers have it", "IRC"),
    port(6697, "IRCS", .tcp, "chat over TLS"),
    port(7687, "NEO4J", .tcp, "graph database", "BOLT"),
    port(8080, "HTTP-ALT", .tcp, "web, second choice", "HTTP-PROXY"),
    port(8333, "BITCOIN", .tcp, "Bitcoin's peers"),
    port(8443, "HTTPS-ALT", .tcp, "web over TLS, second choice"),
    port(8883, "MQTTS", .tcp, "messages of small devices over TLS"),
    port(9000, "MINIO", .tcp, "object store; ClickHouse's own protocol", "CLICKHOUSE"),
    port(9042, "CASSANDRA", .tcp, "Cassandra and ScyllaDB", "SCYLLADB"),
    port(9090, "PROMETHEUS", .tcp, "metrics"),
    port(9092, "KAFKA", .tcp, "event log"),
    port(9100, "JETDIRECT", .tcp, "raw printing; Prometheus' node exporter", "NODE-EXPORTER"),
    port(9200, "ELASTICSEARCH", .tcp, "search", "OPENSEARCH"),
    port(9418, "GIT", .tcp, "Git's own protocol"),
    port(11211, "MEMCACHED", .both, "cache", "MEMCACHE"),
    port(15672, "RABBITMQ-MANAGEMENT", .tcp, "RabbitMQ's pages", "RABBITMQ"),
    port(25565, "MINECRAFT", .tcp, "Minecraft"),
    port(27017, "MONGODB", .tcp, "MongoDB", "MONGO"),
    port(51820, "WIREGUARD", .udp, "virtual private network"),
  ]

  /// What goes by a name or number.
  /// - Parameter text: a port number, or a name or part of one in any case.
  /// - Returns: the ports with that number, else those with exactly that name or alias, else those whose
  ///   name begins with it; by number. Empty when there are none.
  static func find(_ text: String) -> [WellKnownPort] {
    if let number = Int(text) {
      return all.filter { Int($0.number) == number }
    }
    let wanted = text.uppercased()
    let exact = all.filter { $0.name == wanted || $0.aliases.contains(wanted) }
    if !exact.isEmpty { return exact }
    if wanted.isEmpty { return [] }
    return all.filter { $0.name.hasPrefix(wanted) }
  }

  private static func port(
    _ number: UInt16, _ name: String, _ transport: WellKnownPort.Transport, _ purpose: String,
    _ aliases: String...
  ) -> WellKnownPort {
    WellKnownPort(number: number, name: name, transport: transport, purpose: purpose, aliases: aliases)
  }
}
