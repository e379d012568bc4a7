// Any bytes as a request log: the first chooses the format (bit 6: and the second the envelope), the rest is the file. What a parser gives is serialized,
// and comes back from the native format as it was.
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "model/recorded_response.hpp"
#include "model/request_jsonl.hpp"
#include "replay/internal/captured_connections.hpp"
#include "replay/internal/envelope.hpp"
#include "replay/internal/format_jsonl.hpp"
#include "replay/internal/json_documents.hpp"
#include "replay/internal/log_recognition.hpp"
#include "replay/internal/packet_file.hpp"
#include "replay/internal/unsupported_log.hpp"
#include "replay/log.hpp"
#include "replay/replay.hpp"
#include "replay/wire.hpp"
#include "require.hpp"
#include "system/byte_source.hpp"

namespace {

using namespace leakline;
using namespace leakline::replay;

using leakline::fuzz::require;

void check_round_trip(const Request& request) {
    std::string line;
    append_jsonl(line, request);
    JsonlStream stream{ChunkBuffer(memory_source(line))};
    Record record;
    require(stream.next(record) == RecordStream::Step::record);
    require(record.body == request.body);
    require(record.at == request.at);
    require(!is_utf8(request.target) || record.target == request.target);
    require(stream.next(record) == RecordStream::Step::end);
}

// Values of any look in place of those of an order id, which keep what is around them as it is.
void check_fresh(const Record& record) {
    static const FreshPlan plan = [] {
        FreshPlan made;
        for (const char* const example : {"17", "req-000018", "8f3a2b9c0d1e", "2024-05-01T10:00:00.5Z"}) {
            IdentityLearner learner;
            learner.add(example);
            for (const ValueKind kind : {ValueKind::field, ValueKind::query, ValueKind::header})
                for (const char* const name : {"id", "a", "x"}) made.fields.push_back({kind, name, "", Identity(learner)});
            made.fields.push_back({ValueKind::path, "2", "/a/", Identity(learner)});
        }
        return made;
    }();
    FreshValues values(plan);
    Record changed = record;
    if (!values.apply(changed, 3)) require(changed.body == record.body && changed.target == record.target);
    require(changed.headers.size() == record.headers.size());
    IdentityLearner learner;
    RequestValues().visit(record, [&](const RequestValue& value) {
        learner.add(value.text);
        std::string fresh;
        Identity(learner).replace(value.text, 1, 1, fresh);
    });
}

// Responses do not change which requests there are.
std::size_t count_captured(std::string_view bytes, Responses responses) {
    CapturedConnections connections({}, responses);
    ChunkBuffer chunks(memory_source(bytes));
    PacketFile file;
    Packet packet;
    while (file.next(chunks, packet) == PacketFile::Step::packet) connections.add(packet);
    connections.finish();
    for (const Request& request : connections.results().requests)
        if (!request.response.empty()) require(parse_recorded_response(request.response).has_value());
    return connections.results().requests.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto formats = log_formats();
    const FormatRow& row = formats[data[0] % formats.size()];
    if (std::string_view(row.name) == "vegeta-http" && bytes.find('@') != bytes.npos) return 0;  // would read files
    if (std::string_view(row.name) == "pcap")
        require(count_captured(bytes, Responses::ignored) == count_captured(bytes, Responses::recorded));
    for (const FormatRow& detector : formats) detector.detect(bytes);
    LogOptions options;
    recognize_log(bytes, options);
    // The first line is the format string, the rest the log.
    if (std::string_view(row.name) == "pattern") {
        const std::size_t end = bytes.find('\n');
        options.pattern = bytes.substr(0, end);
        bytes.erase(0, end == bytes.npos ? bytes.size() : end + 1);
    }
    options.attach_responses = (data[0] & 0x80) != 0;
    try {
        ChunkBuffer chunks(memory_source(bytes));
        if (const auto depth = depth_of_json_documents(bytes)) {
            JsonDocuments documents(ChunkBuffer(memory_source(bytes)), *depth);
            const std::string lines = read_all(documents, "fuzz");
            require(lines.size() <= 2 * bytes.size());
        }
        name_unsupported(bytes);
        hint_for_unknown(bytes);
        if ((data[0] & 0x40) != 0 && !bytes.empty()) {
            const EnvelopeRow& envelope = envelopes()[static_cast<unsigned char>(bytes[0]) % envelopes().size()];
            chunks = ChunkBuffer(memory_source(std::string_view(bytes).substr(1)));
            if (auto unwrapper = envelope.make(std::string_view(bytes).substr(1)))
                chunks = ChunkBuffer(std::make_unique<EnvelopeSource>(std::move(chunks), std::move(unwrapper)));
        }
        const auto stream = row.open(std::move(chunks), "fuzz", options);
        Record record;
        std::string wire;
        for (RecordStream::Step step = stream->next(record); step != RecordStream::Step::end; step = stream->next(record)) {
            if (step != RecordStream::Step::record) continue;
            wire.clear();
            if (append_wire(wire, record, "host")) require(wire.find("\r\n\r\n") != wire.npos);
            check_fresh(record);
            const Request request = to_request(record);
            if (!request.target.empty() && !request.method.empty()) check_round_trip(request);
        }
        stream->warnings();
    } catch (const Error&) {  // a JSON log without a map, for one
    }
    return 0;
}
