// diagnosis.json back into a Diagnosis, so that every other report can be made from it later. Pure.
#pragma once

#include <string>
#include <string_view>

#include "model/audit.hpp"
#include "model/diagnosis.hpp"
#include "model/request.hpp"

namespace leakline::report {

// name is the file's, for messages. Reads every schema up to Diagnosis::kSchema; unknown members are ignored,
// absent ones keep their defaults. Throws Error{input}: not JSON, not a diagnosis, a later schema, or a
// member of the wrong type (with its path, as "lines[3].file").
Diagnosis read_diagnosis(std::string_view text, const std::string& name);
// Whether text is such a file.
bool is_diagnosis(std::string_view text);

// The lines of a diagnosis or of what leakline lines --format json wrote. Throws as read_diagnosis does.
LineReport read_line_report(std::string_view text, const std::string& name);

// What leakline audit --format json wrote. Throws as read_diagnosis does.
Audit read_audit(std::string_view text, const std::string& name);
// Whether text is such a file.
bool is_audit(std::string_view text);

// What leakline replay wrote with -o NAME.json. Throws Error{input} as read_diagnosis does.
ReplayStats read_replay(std::string_view text, const std::string& name);

}  // namespace leakline::report
