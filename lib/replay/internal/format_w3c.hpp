// The extended log format of the W3C (Working Draft WD-logfile-960323), as IIS and AWS CloudFront write it:
//
//   #Fields: date time cs-method cs-uri-stem cs-uri-query sc-status cs(User-Agent) time-taken ...
//
// then a line for each request, with these columns between blanks or tabs; "-" is nothing. A server that is started anew writes the
// fields again, perhaps others. Times are UTC, of the answer; time-taken is in milliseconds (IIS) or, with a point, in seconds. Blanks
// in a header are "+" (IIS) or "%20" (CloudFront).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "replay/internal/access_fields.hpp"
#include "replay/internal/record.hpp"

namespace leakline::replay {

bool looks_like_w3c(std::string_view prefix);

class W3cStream : public RecordStream {
  public:
    using RecordStream::RecordStream;
    Step next(Record& record) override;

  private:
    struct Column {
        enum class Kind { nothing, date, time, time_taken, agent, field } kind = Kind::nothing;
        std::optional<AccessField> field;
    };
    void read_fields(std::string_view names);
    Step read_line(std::string_view line, Record& record);
    static Column column_of(std::string_view name);

    std::vector<Column> columns_;
    bool has_request_ = false;  // the columns have a URL
    AccessFields fields_;
    std::string stamp_, agent_;
};

}  // namespace leakline::replay
