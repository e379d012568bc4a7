// A request log for services that answer any GET.
#pragma once

#include <fmt/format.h>

#include <string>

#include "system/output_file.hpp"

namespace leakline::test {

// Writes 200 GETs, eight a second, to a file in the folder. Returns its path.
inline std::string write_get_log(const std::string& folder) {
    const std::string log = folder + "/log.jsonl";
    OutputFile file(log);
    for (int i = 0; i < 200; ++i)
        file.write(fmt::format("{{\"ts_ns\":{},\"method\":\"GET\",\"url\":\"/item\"}}\n", 1'700'000'000'000'000'000 + i * 125'000'000L));
    file.commit();
    return log;
}

}  // namespace leakline::test
