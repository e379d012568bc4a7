// Reads text as if it were the file x.csv.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "memory/series_reader.hpp"

namespace leakline::memory::test {

inline SeriesFile read(std::string_view text, const SeriesReadOptions& options = {}) {
    return read_series(memory_source(text), "x.csv", options);
}

// The message; "no error" where it is read.
inline std::string error_of(std::string_view text, const SeriesReadOptions& options = {}) {
    try {
        read(text, options);
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

}  // namespace leakline::memory::test
