#include "replay/internal/format_pcap.hpp"

namespace leakline::replay {

RecordStream::Step PcapStream::next(Record& record) {
    FlowResults& results = connections_.results();
    for (;;) {
        record.clear();
        record.place = place_ = packets_;
        if (!results.lost.empty()) {
            const std::string reason = std::move(results.lost.front());
            results.lost.pop_front();
            return bad(reason);
        }
        if (!results.requests.empty()) break;
        if (at_end_) return Step::end;
        Packet packet;
        switch (file_.next(chunks_, packet)) {
            case PacketFile::Step::packet:
                ++packets_;
                connections_.add(packet);
                break;
            case PacketFile::Step::damaged: return bad(file_.reason());
            case PacketFile::Step::end:
                connections_.finish();
                at_end_ = true;
                break;
        }
    }
    current_ = std::move(results.requests.front());
    results.requests.pop_front();
    fill(record, current_);
    record.place = place_;
    return Step::record;
}

}  // namespace leakline::replay
