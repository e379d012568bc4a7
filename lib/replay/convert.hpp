// Writes logs of any format as one log in the native format. One pass over the logs, in constant memory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "replay/replay.hpp"
#include "system/output_file.hpp"

namespace leakline::replay {

// read = written + filtered + bad.
struct Conversion {
    std::uint64_t read = 0, written = 0, filtered = 0, bad = 0;
    std::string formats;
    std::vector<std::string> warnings;
};

// Writes what a replay with these options would send, filters and changes applied, into file (not committed). on_part: how
// much is read, 0 to 1, now and then. Where options.stop is requested, a part of the logs is written. Throws as Log does, and Error{system} as writing does.
Conversion convert(const ReplayOptions& options, OutputFile& file, const std::function<void(double part, std::uint64_t written)>& on_part);

// "read 5 = 3 written + 1 left out + 1 bad, from access".
std::string conversion_text(const Conversion& result);

}  // namespace leakline::replay
