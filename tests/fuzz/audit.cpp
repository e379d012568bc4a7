// Any bytes as what an audit reads: a compilation database, stored facts, comments, a Python module. Facts are judged by all
// rules.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "audit/internal/bound_comments.hpp"
#include "audit/internal/compile_commands.hpp"
#include "audit/internal/facts_file.hpp"
#include "audit/internal/include_folders.hpp"
#include "audit/internal/program.hpp"
#include "audit/internal/python_reader.hpp"
#include "audit/internal/rules.hpp"
#include "base/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace leakline;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    try {
        for (const audit::ClangUnit& unit : audit::parse_compile_commands(bytes, "fuzz"))
            if (unit.file.empty()) std::abort();
    } catch (const Error&) {
        // a clear refusal
    }
    (void)audit::split_command(bytes);
    for (const audit::Include& include : audit::includes_of(bytes))
        if (include.name.empty()) std::abort();
    const auto judge = [](audit::UnitFacts facts) {
        audit::Program program;
        program.note_reexports(facts);
        program.add(std::move(facts));
        program.join();
        for (const audit::RuleRow& rule : audit::rules()) (void)rule.find(program);
    };
    if (auto stored = audit::read_facts(bytes)) judge(std::move(stored->facts));
    audit::UnitFacts facts;
    audit::Names names(facts);
    audit::add_bound_comments(facts, names, "fuzz", bytes, "//");
    if (audit::has_python_grammar()) judge(audit::read_python(bytes, "fuzz.py", "fuzz"));
    return 0;
}
