// The lines that web frameworks write for each request, between other messages of the program. A table of patterns, as
// --log-format-string takes them; a log is read with the first one that fits one of its lines.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "replay/internal/record.hpp"

namespace leakline::replay {

bool looks_like_framework(std::string_view line);
// Throws Error{input} if none of the first lines has a known pattern.
std::unique_ptr<RecordStream> open_framework(ChunkBuffer chunks, const std::string& path_for_messages);

}  // namespace leakline::replay
