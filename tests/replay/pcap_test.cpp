// Requests from captured packets: made here in any order, and captured from a real connection where that is allowed.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/error.hpp"
#include "model/recorded_response.hpp"
#include "replay/internal/captured_connections.hpp"
#include "replay/internal/http2_reader.hpp"
#include "replay/internal/packet_file.hpp"
#include "replay/log.hpp"
#include "support/http2_wire.hpp"
#include "support/loopback_server.hpp"
#include "support/read_log.hpp"
#include "support/replay_log.hpp"
#include "system/byte_source.hpp"
#include "system/child_process.hpp"
#include "system/executables.hpp"

using namespace leakline;
using namespace leakline::test;
using namespace leakline::replay;

namespace {

enum Flags : unsigned { kFin = 1, kSyn = 2, kRst = 4, kAck = 16 };

struct FileForm {
    enum class Kind { pcap, pcap_ns_swapped, pcapng } kind = Kind::pcap;
    std::uint16_t link = 1;  // Ethernet; 101: IP; 276: Linux cooked, version 2
    bool ipv6 = false, vlan = false;
};

// A capture file of one client's connections to one server.
class PacketWriter {
  public:
    explicit PacketWriter(FileForm form = {}) : form_(form) {
        if (form.kind == FileForm::Kind::pcapng) {
            put_block(0x0a0d0d0a, u32(0x1a2b3c4d) + u16(1) + u16(0) + std::string(8, '\xff'));
            put_block(1, u16(form.link) + u16(0) + u32(0) + u16(9) + u16(1) + std::string("\x09\0\0\0", 4) + u32(0));  // nanoseconds
        } else {
            text_ += u32(form.kind == FileForm::Kind::pcap ? 0xa1b2c3d4 : 0xa1b23c4d) + u16(2) + u16(4) + u32(0) + u32(0) + u32(65535) +
                     u32(form.link);
        }
    }

    struct Segment {
        bool from_client = true;
        std::uint32_t sequence = 0, acknowledged = 0;
        unsigned flags = kAck;
        std::string payload;
        std::size_t captured = ~std::size_t{0};  // bytes of the payload
        std::uint16_t client_port = 40000;
    };
    void add(const Segment& segment) {
        const std::uint16_t from = segment.from_client ? segment.client_port : std::uint16_t{80},
                            to = segment.from_client ? std::uint16_t{80} : segment.client_port;
        const std::string tcp = be16(from) + be16(to) + be32(segment.sequence) + be32(segment.acknowledged) + "\x50" +
                                static_cast<char>(segment.flags) + be16(1000) + be16(0) + be16(0);
        const std::size_t size = tcp.size() + segment.payload.size();
        const std::string client("\x0a\0\0\1", 4), server("\x0a\0\0\2", 4), source = segment.from_client ? client : server,
                                                                            target = segment.from_client ? server : client;
        std::string ip;
        if (form_.ipv6)
            ip = std::string("\x60\0\0\0", 4) + be16(static_cast<std::uint16_t>(size)) + "\x06\x40" + std::string(12, '\0') + source +
                 std::string(12, '\0') + target;
        else
            ip = std::string("\x45\0", 2) + be16(static_cast<std::uint16_t>(20 + size)) + std::string("\0\0\x40\0\x40\x06\0\0", 8) +
                 source + target;
        std::string link;
        const std::string type = form_.ipv6 ? "\x86\xdd" : std::string("\x08\0", 2);
        if (form_.link == 1) link = std::string(12, 'm') + (form_.vlan ? std::string("\x81\0\0\x07", 4) : "") + type;
        if (form_.link == 276) link = type + std::string(18, '\0');
        // Ethernet pads short frames.
        std::string packet = link + ip + tcp + segment.payload.substr(0, segment.captured);
        if (form_.link == 1 && segment.captured > segment.payload.size() && packet.size() < 60) packet.resize(60, '\0');
        put_packet(packet);
        at_ += 1ms;
    }
    // The bytes of the client's stream from begin on, in segments of that size.
    void send(const std::string& stream, std::size_t begin, std::size_t size) {
        for (; begin < stream.size(); begin += size)
            add({true, kFirst + 1 + static_cast<std::uint32_t>(begin), 1, kAck, stream.substr(begin, size)});
    }
    void open() {
        add({true, kFirst, 0, kSyn, ""});
        add({false, 0, kFirst + 1, kSyn | kAck, ""});
    }
    void put_packet(const std::string& packet) {
        const std::uint64_t ns = static_cast<std::uint64_t>(Nanoseconds(at_).count());
        const std::uint32_t size = static_cast<std::uint32_t>(packet.size());
        if (form_.kind == FileForm::Kind::pcapng) {
            std::string padded = packet;
            padded.resize((packet.size() + 3) / 4 * 4);
            put_block(6, u32(0) + u32(static_cast<std::uint32_t>(ns >> 32)) + u32(static_cast<std::uint32_t>(ns)) + u32(size) + u32(size) +
                             padded);
        } else {
            const std::uint64_t fraction = ns % 1'000'000'000;
            text_ += u32(static_cast<std::uint32_t>(ns / 1'000'000'000)) +
                     u32(static_cast<std::uint32_t>(form_.kind == FileForm::Kind::pcap ? fraction / 1000 : fraction)) + u32(size) +
                     u32(size) + packet;
        }
    }
    const std::string& text() const { return text_; }

    static constexpr std::uint32_t kFirst = 0xffffff00;  // wraps around soon

  private:
    static std::string be16(std::uint16_t value) { return {static_cast<char>(value >> 8), static_cast<char>(value)}; }
    static std::string be32(std::uint32_t value) {
        return be16(static_cast<std::uint16_t>(value >> 16)) + be16(static_cast<std::uint16_t>(value));
    }
    std::string ordered(std::string bytes) const {
        if (form_.kind != FileForm::Kind::pcap_ns_swapped) std::reverse(bytes.begin(), bytes.end());
        return bytes;
    }
    std::string u16(std::uint16_t value) const { return ordered(be16(value)); }
    std::string u32(std::uint32_t value) const { return ordered(be32(value)); }
    void put_block(std::uint32_t type, const std::string& body) {
        const std::string size = u32(static_cast<std::uint32_t>(12 + body.size()));
        text_ += u32(type) + size + body + size;
    }

    FileForm form_;
    std::string text_;
    Nanoseconds at_ = 1'700'000'000s;
};

struct Read {
    std::vector<Request> requests;
    std::vector<std::string> bad, warnings;
};

Read read(const std::string& text) {
    const LogFile file(text);
    Read result;
    LogOptions options;
    options.max_bad_lines = 1000;
    options.max_bad_share = 1;
    RequestLog log = open_log({file.path()}, options);
    while (auto request = log.next()) result.requests.push_back(std::move(*request));
    for (const std::string& line : log.log().damage().lines()) result.bad.push_back(line.substr(line.rfind('/') + 1));
    for (const std::string& line : log.log().warnings()) result.warnings.push_back(line.substr(line.find(": ") + 2));
    return result;
}

std::string message(int number, std::size_t body = 20) {
    const std::string text(body, static_cast<char>('a' + number % 26));
    return fmt::format("POST /n/{}?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}", number, text.size(), text);
}

// The numbers in the targets.
std::vector<int> numbers(const Read& read) {
    std::vector<int> out;
    for (const Request& request : read.requests) out.push_back(std::stoi(request.target.substr(3)));
    return out;
}

// The requests with their responses: "GET /a -> 200 body".
std::vector<std::string> answered(const PacketWriter& packets) {
    CapturedConnections connections({80}, Responses::recorded);
    ChunkBuffer chunks(memory_source(packets.text()));
    PacketFile file;
    Packet packet;
    while (file.next(chunks, packet) == PacketFile::Step::packet) connections.add(packet);
    connections.finish();
    std::vector<std::string> found;
    for (const Request& request : connections.results().requests) {
        std::string text = request.method + " " + request.target;
        if (const auto response = parse_recorded_response(request.response)) {
            text += fmt::format(" -> {} {}", response->status, response->body);
            CHECK(response->latency.value_or(0ns) > 0ns);
        }
        found.push_back(text);
    }
    return found;
}

// A connection in which both ends speak in turn.
class Dialog {
  public:
    Dialog() { packets_.open(); }
    Dialog& client(const std::string& text, unsigned flags = kAck) {
        packets_.add({true, PacketWriter::kFirst + 1 + sent_, received_ + 1, flags, text});
        sent_ += static_cast<std::uint32_t>(text.size());
        return *this;
    }
    Dialog& server(const std::string& text, unsigned flags = kAck) {
        packets_.add({false, 1 + received_, PacketWriter::kFirst + 1 + sent_, flags, text});
        received_ += static_cast<std::uint32_t>(text.size());
        return *this;
    }
    // A segment that is not in the capture.
    Dialog& lose_of_server(std::uint32_t size) {
        received_ += size;
        return *this;
    }
    std::vector<std::string> answered() const { return ::answered(packets_); }
    const std::string& text() const { return packets_.text(); }

  private:
    PacketWriter packets_;
    std::uint32_t sent_ = 0, received_ = 0;
};

using Answers = std::vector<std::string>;

}  // namespace

TEST_CASE("responses of captured connections are those of their requests, whatever ends their bodies") {
    CHECK(Dialog()
              .client("GET /a HTTP/1.1\r\n\r\n")
              .server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
              .server("lo")
              .client("POST /b HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
              .server("HTTP/1.1 100 Continue\r\n\r\n")
              .client("xy")
              .server("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
              .client("HEAD /c HTTP/1.1\r\n\r\nGET /d HTTP/1.1\r\n\r\n")
              .server("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")
              .client("GET /e HTTP/1.1\r\n\r\n")
              .server("HTTP/1.1 200 OK\r\n\r\nto the ")
              .server("end", kAck | kFin)
              .client("", kAck | kFin)
              .answered() ==
          Answers{"GET /a -> 200 hello", "POST /b -> 201 abc", "HEAD /c -> 200 ", "GET /d -> 304 ", "GET /e -> 200 to the end"});
    // The client says that it sends no more before it is answered; a server answers before it has read the body.
    CHECK(Dialog().client("GET /a HTTP/1.1\r\n\r\n", kAck | kFin).server("HTTP/1.0 200 OK\r\n\r\nlate", kAck | kFin).answered() ==
          Answers{"GET /a -> 200 late"});
    CHECK(Dialog()
              .client("POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\nab")
              .server("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
              .client("cd")
              .client("GET /b HTTP/1.1\r\n\r\n")
              .server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb")
              .answered() == Answers{"POST /a -> 413 ", "GET /b -> 200 b"});
}

TEST_CASE("requests of a capture file have the recorded statuses if these are wanted") {
    const std::string file =
        Dialog().client("GET /a HTTP/1.1\r\n\r\n").server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").text();
    LogOptions options;
    for (const bool wanted : {false, true}) {
        options.attach_responses = wanted;
        const Contents log = read_text(file, options);
        REQUIRE(log.requests.size() == 1);
        CHECK(log.requests[0].recorded_status.value_or(0) == (wanted ? 404 : 0));
    }
}

TEST_CASE("where it is not known whose response it is, requests have none, and none is lost") {
    Dialog gap;
    gap.client("GET /a HTTP/1.1\r\n\r\n").lose_of_server(40).client("GET /b HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 20; ++i) gap.server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb").client("GET /c HTTP/1.1\r\n\r\n");
    const Answers found = gap.answered();
    REQUIRE(found.size() == 22);
    CHECK(found[0] == "GET /a");
    CHECK(found[1] == "GET /b");
    CHECK(found[21] == "GET /c");
    CHECK(Dialog()
              .client("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
              .server("HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello")
              .answered() == Answers{"GET /ws"});
    CHECK(Dialog().client("GET /a HTTP/1.1\r\n\r\n").server("SSH-2.0\r\n\r\n").answered() == Answers{"GET /a"});
    CHECK(Dialog().client("GET /a HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut").answered() ==
          Answers{"GET /a"});
}

TEST_CASE("requests are read from each form of file and link, with method, fields, body, time and connection") {
    std::vector<FileForm> forms;
    for (const auto kind : {FileForm::Kind::pcap, FileForm::Kind::pcap_ns_swapped, FileForm::Kind::pcapng})
        for (const std::uint16_t link : {1, 101, 276})
            for (const bool ipv6 : {false, true}) forms.push_back({kind, link, ipv6, false});
    forms.push_back({FileForm::Kind::pcap, 1, false, true});
    for (const FileForm& form : forms) {
        PacketWriter file(form);
        file.open();
        file.send(message(1) + "PUT /n/2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n" +
                      "GET /n/3 HTTP/1.0\r\nA:  b \r\n\r\n",
                  0, 40);
        file.add({true, 500, 1, kFin | kAck, ""});
        const Read found = read(file.text());
        CHECK(found.bad.empty());
        CHECK(found.warnings.empty());
        REQUIRE(numbers(found) == std::vector<int>{1, 2, 3});
        CHECK(found.requests[0].method == "POST");
        CHECK(found.requests[0].target == "/n/1?x=1");
        CHECK(found.requests[0].body == std::string(20, 'b'));
        CHECK(found.requests[0].at == 1'700'000'000s + 2ms);
        CHECK(found.requests[1].body == "abcde");
        CHECK(found.requests[2].headers == decltype(Request::headers){{"A", "b"}});
        CHECK(found.requests[0].connection == (form.ipv6 ? "[::10.0.0.1]:40000>[::10.0.0.2]:80" : "10.0.0.1:40000>10.0.0.2:80"));
    }
}

TEST_CASE("segments in any order, cut in any way and sent again, give the same requests") {
    std::mt19937 random(5);
    for (int round = 0; round < 60; ++round) {
        std::string stream;
        std::vector<int> expected;
        for (int i = 0; i < 30; ++i) {
            stream += message(i, random() % 3000);
            expected.push_back(i);
        }
        std::vector<PacketWriter::Segment> segments;
        for (std::size_t at = 0; at < stream.size();) {
            const std::size_t size = 1 + random() % 1400;
            // Some overlap what came before.
            const std::size_t begin = at - std::min<std::size_t>(at, random() % 4 == 0 ? random() % 200 : 0);
            segments.push_back(
                {true, PacketWriter::kFirst + 1 + static_cast<std::uint32_t>(begin), 1, kAck, stream.substr(begin, at + size - begin)});
            if (random() % 5 == 0) segments.push_back(segments[random() % segments.size()]);
            at += size;
        }
        for (std::size_t i = 0; i + 1 < segments.size(); ++i)
            if (random() % 3 == 0) std::swap(segments[i], segments[std::min(segments.size() - 1, i + 1 + random() % 6)]);
        PacketWriter file;
        file.open();
        for (const auto& segment : segments) file.add(segment);
        const Read found = read(file.text());
        CHECK(found.bad.empty());
        CHECK(numbers(found) == expected);
    }
}

TEST_CASE("a segment that is not in the capture is a bad line, and reading goes on with the next request that a segment begins") {
    const std::string first = message(1, 100), second = message(2, 100), third = message(3, 100);
    for (const bool acknowledged : {true, false}) {
        PacketWriter file;
        file.open();
        file.send(first, 0, 1000);
        const auto at = [](std::size_t offset) { return PacketWriter::kFirst + 1 + static_cast<std::uint32_t>(offset); };
        file.add({true, at(first.size() + 60), 1, kAck, second.substr(60)});  // its first 60 bytes are missing
        file.add({true, at(first.size() + second.size()), 1, kAck, third});
        if (acknowledged)
            for (int i = 0; i < 20; ++i) file.add({false, 1, at(first.size() + second.size() + third.size()), kAck, ""});
        file.add({true, at(first.size() + second.size() + third.size()), 1, kFin | kAck, ""});
        const Read found = read(file.text());
        CHECK(numbers(found) == std::vector<int>{1, 3});
        REQUIRE(found.bad.size() == 1);
        CHECK(found.bad[0].ends_with(
            ": segments of the connection 10.0.0.1:40000>10.0.0.2:80 are missing in the capture: a request cannot be read"));
    }
    PacketWriter cut;
    cut.open();
    cut.add({true, PacketWriter::kFirst + 1, 1, kAck, first, 60});
    cut.add({true, PacketWriter::kFirst + 1 + static_cast<std::uint32_t>(first.size()), 1, kAck, second});
    const Read found = read(cut.text());
    CHECK(numbers(found) == std::vector<int>{2});
    REQUIRE(found.bad.size() == 1);
    CHECK(found.bad[0].find("are cut in the capture") != std::string::npos);
}

TEST_CASE("connections that began before the capture, are reused, or are not HTTP") {
    PacketWriter file;
    const auto of = [](std::uint16_t port, std::uint32_t sequence, const std::string& payload, unsigned flags = kAck) {
        return PacketWriter::Segment{true, sequence, 1, flags, payload, ~std::size_t{0}, port};
    };
    file.add(of(1001, 5000, "the end of a body"));
    file.add(of(1001, 5017, message(1)));
    for (int i = 2; i < 4; ++i) {  // the same ends twice
        file.add(of(1002, 77, "", kSyn));
        file.add(of(1002, 78, message(i)));
        file.add(of(1002, 78 + static_cast<std::uint32_t>(message(i).size()), "", kFin | kAck));
    }
    file.add(of(1003, 1, "", kSyn));
    file.add(of(1003, 2, std::string("\x16\x03\x01\x02\0\x01", 6)));
    file.add(of(1004, 1, "", kSyn));
    file.add(of(1004, 2, "SSH-2.0-OpenSSH_9.2p1\r\n"));
    file.add(of(1005, 1, "", kSyn));
    file.add(of(1005, 2, message(4).substr(0, 70)));  // cut by the end of the capture
    file.put_packet("not a packet");
    const Read found = read(file.text());
    CHECK(numbers(found) == std::vector<int>{1, 2, 3});
    CHECK(found.requests[1].connection == "10.0.0.1:1002>10.0.0.2:80");
    CHECK(found.requests[2].connection == "10.0.0.1:1002>10.0.0.2:80#2");
    CHECK(found.bad.empty());
    CHECK(found.warnings == std::vector<std::string>{"left out: 2 connections that are not plain HTTP: 1 TLS, 1 others",
                                                     "left out: 1 request of which the capture has only the beginning"});
}

TEST_CASE("requests over HTTP/2 are read as they were sent, several at a time on a connection") {
    std::vector<Request> sent = posts(100);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        sent[i].body += std::string(i * 397 % 30'000, 'x');
        sent[i].headers.emplace_back("X-Number", std::to_string(i));
    }
    sent[50].headers.emplace_back("X-Large", std::string(40'000, 'v'));  // does not go into one frame
    const LogFile log(sent);
    std::string stream(Http2Reader::kPreface);
    {
        LoopbackServer server([&](Wire& wire) {
            Http2Wire http2(wire);
            http2.read_preface();
            http2.settings();
            for (Frame frame; http2.read(frame);) {
                stream += frame.bytes();
                if (frame.type == Frame::data) http2.write(Frame::window_update, 0, 0, Frame::number(30'000));
                if (frame.type == Frame::data && !frame.ends_stream())
                    http2.write(Frame::window_update, 0, frame.stream, Frame::number(30'000));
                if (frame.ends_stream()) http2.respond(frame.stream);
            }
        });
        ReplayOptions options = options_for(log, server.url());
        options.connect.version = http::HttpVersion::http2;
        options.connections = 1;
        options.streams = 8;
        CHECK(run(options).completed == 100);
    }
    for (const std::size_t size : {std::size_t{333}, std::size_t{1448}, std::size_t{30'000}}) {
        PacketWriter file;
        file.open();
        file.send(stream, 0, size);
        const Read found = read(file.text());
        CHECK(found.bad.empty());
        CHECK(found.warnings.empty());
        REQUIRE(found.requests.size() == 100);
        for (const Request& request : found.requests) {
            const auto number =
                std::find_if(request.headers.begin(), request.headers.end(), [](const auto& header) { return header.first == "x-number"; });
            REQUIRE(number != request.headers.end());
            const Request& original = sent[static_cast<std::size_t>(std::stoi(number->second))];
            CHECK(request.method == original.method);
            CHECK(request.target == original.target);
            CHECK(request.body == original.body);
            CHECK(request.headers.front().first == "Host");
            CHECK(request.connection == "10.0.0.1:40000>10.0.0.2:80");
        }
    }
    // A segment is missing: no header block after it can be decoded.
    PacketWriter file;
    file.open();
    const std::size_t half = stream.size() / 2;
    file.send(stream.substr(0, half), 0, 1000);
    file.send(stream, half + 1000, 1000);
    const Read found = read(file.text());
    CHECK(found.requests.size() > 20);
    CHECK(found.requests.size() < 80);
    REQUIRE(found.bad.size() == 1);
    CHECK(found.bad[0].find("a request cannot be read, nor any after it") != std::string::npos);
}

TEST_CASE("a capture that ends within a packet is read up to it") {
    for (const auto kind : {FileForm::Kind::pcap, FileForm::Kind::pcapng}) {
        PacketWriter file({kind});
        file.open();
        file.send(message(1), 0, 1000);
        const std::size_t whole = file.text().size();
        file.send(message(1) + message(2), message(1).size(), 1000);
        const Read found = read(file.text().substr(0, whole + 40));
        CHECK(numbers(found) == std::vector<int>{1});
        REQUIRE(found.bad.size() == 1);
        CHECK(found.bad[0].find("the file ends within a ") != std::string::npos);
    }
}

TEST_CASE("what was captured of a replay is what was sent") {
    // AF_PACKET, as tcpdump uses it.
    static const char* const kCapture = R"(
import socket, struct, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
s.bind(('lo', 0))
s.settimeout(0.2)
out = open(sys.argv[1], 'wb')
out.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
print('ready', flush=True)
port = int(sys.argv[2])
while True:
    try: data, address = s.recvfrom(262144)
    except socket.timeout:
        out.flush()
        continue
    if address[2] == socket.PACKET_OUTGOING: continue
    if len(data) < 54 or port not in struct.unpack('!HH', data[34:38]): continue
    now = time.time()
    out.write(struct.pack('<IIII', int(now), int(now % 1 * 1e6), len(data), len(data)) + data)
    if b'/the-end' in data: 
        out.flush()
        print('end', struct.unpack('II', s.getsockopt(263, 6, 8))[1], flush=True)  # PACKET_STATISTICS: lost
)";
    RecordingServer server;
    const TemporaryDirectory directory;
    const std::string capture = directory.path() + "/lo.pcap", said = directory.path() + "/said";
    Command command;
    command.arguments = {"/usr/bin/python3", "-c", kCapture, capture, server.url().substr(server.url().rfind(':') + 1)};
    command.output_file = said;
    Child child = Child::start(command);
    const auto wait_for = [&](const char* word) {
        for (int tries = 0; tries < 1000; ++tries) {
            if (read_file(said).find(word) != std::string::npos) return true;
            if (!child.running()) return false;
            std::this_thread::sleep_for(10ms);
        }
        return false;
    };
    if (!wait_for("ready")) {
        MESSAGE("packets of lo may not be captured here (CAP_NET_RAW): not tested");
        return;
    }
    std::vector<Request> sent = posts(400);
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i].body += std::string(i * 97 % 30'000, 'x');
    const LogFile log(sent);
    CHECK(run(options_for(log, server.url())).completed == 400);
    Request last;
    last.target = "/the-end";
    const LogFile end(std::vector<Request>{last});
    CHECK(run(options_for(end, server.url())).completed == 1);
    REQUIRE(wait_for("end"));
    child.terminate(1s);
    if (read_file(said).find("end 0\n") == std::string::npos) {
        MESSAGE("the machine was too busy to capture all packets: not compared");
        return;
    }
    const Read found = read(read_file(capture));
    CHECK(found.bad.empty());
    std::vector<std::string> bodies, expected;
    for (const Request& request : found.requests)
        if (request.target == "/api/track") bodies.push_back(request.body);
    for (const Request& request : sent) expected.push_back(request.body);
    std::sort(bodies.begin(), bodies.end());
    std::sort(expected.begin(), expected.end());
    CHECK(bodies == expected);

    if (!find_executable("tshark")) {
        MESSAGE("tshark is not installed: not compared with");
        return;
    }
    Command reference;
    reference.arguments = {"tshark",
                           "-r",
                           capture,
                           "-Y",
                           "http.request",
                           "-T",
                           "fields",
                           "-e",
                           "http.request.uri",
                           "-d",
                           "tcp.port==" + command.arguments[4] + ",http"};
    reference.output_file = directory.path() + "/tshark";
    REQUIRE(Child::start(reference).wait().code == 0);
    const std::string text = read_file(reference.output_file);
    std::size_t count = 0;
    for (std::size_t at = text.find("/api/track"); at != text.npos; at = text.find("/api/track", at + 1)) ++count;
    CHECK(count == bodies.size());
}
