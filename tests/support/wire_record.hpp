// Records made by hand, and the bytes that are sent for them.
#pragma once

#include <string>
#include <string_view>

#include "replay/wire.hpp"

namespace leakline::test {

inline replay::Record record_of(std::string_view method, std::string_view target, std::string_view body = {}) {
    replay::Record record;
    record.method = method;
    record.target = target;
    record.body = body;
    return record;
}

inline std::string wire_of(const replay::Record& record) {
    std::string out;
    return replay::append_wire(out, record, "host:1") ? out : "refused";
}

}  // namespace leakline::test
