#include "model/minimized.hpp"

#include "base/quantities.hpp"
#include "model/words.hpp"

namespace leakline {

std::string_view leak_unit_name(LeakUnit unit) {
    switch (unit) {
        case LeakUnit::bytes_per_request: return "bytes_per_request";
        case LeakUnit::bytes_per_connection: return "bytes_per_connection";
        case LeakUnit::count_per_request: return "count_per_request";
    }
    return "bytes_per_request";
}

std::string leak_rate_text(double rate, LeakUnit unit) {
    switch (unit) {
        case LeakUnit::bytes_per_request: return format_bytes(rate) + " per request";
        case LeakUnit::bytes_per_connection: return format_bytes(rate) + " per connection";
        case LeakUnit::count_per_request: return per_request_words(rate);
    }
    return {};
}

}  // namespace leakline
