#include "replay/internal/json_line_stream.hpp"

namespace leakline::replay {

RecordStream::Step JsonLineStream::next(Record& record) {
    std::string_view line;
    if (const Step step = line_of_record(line, record); step != Step::record) return step;
    scratch_.reset(line.size());
    JsonScan scan(line, scratch_);
    fault_ = nullptr;
    if (read(scan, record)) return Step::record;
    return bad_line(fault_ != nullptr ? fault_ : scan.fault());
}

}  // namespace leakline::replay
