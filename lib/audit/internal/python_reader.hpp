// Python: one module, parsed by tree-sitter, into facts. Names are resolved as far as the source shows them: module globals,
// class attributes, self's attributes, locals that stand for either; methods of unknown objects by their name.
//
// Thread-safety: any thread.
#pragma once

#include <string>
#include <string_view>

#include "audit/internal/facts.hpp"

namespace leakline::audit {

// Whether this build has the grammar; where it has not, why and what to do.
bool has_python_grammar();

// module: the dotted name that other modules import it by. A file with syntax errors gives the facts of what could be read,
// and facts.errors. Requires has_python_grammar().
UnitFacts read_python(std::string_view text, const std::string& path, const std::string& module);

}  // namespace leakline::audit
