// Functions whose results are all kept: functools.cache, lru_cache(maxsize=None).
#include <algorithm>

#include "audit/internal/key_doubts.hpp"
#include "audit/internal/rules.hpp"

namespace leakline::audit {

namespace {

constexpr std::size_t kLongestSurePath = 3;

bool has_only_few_arguments(const Program& program, Name function) {
    const auto& calls = program.calls_of(function);
    std::size_t most = 0;
    for (const Call* call : calls) most = std::max(most, call->arguments.size());
    for (std::size_t i = 0; i < most; ++i)
        if (!has_few_arguments(program, function, static_cast<std::uint32_t>(i))) return false;
    return !calls.empty();
}

bool is_given_request_values(const Program& program, Name function) {
    const auto& variables = program.facts().variables;
    return std::any_of(variables.begin(), variables.end(), [&](const Variable& variable) {
        return variable.storage == Storage::parameter && variable.owner == function && program.is_request_value(variable.id) &&
               !names_few_values(program.text(variable.name)) && !names_installed(program.text(variable.name));
    });
}

}  // namespace

std::vector<AuditFinding> find_unbounded_memos(const Program& program) {
    std::vector<AuditFinding> findings;
    for (const Memo& memo : program.facts().memos) {
        const Function* function = program.function(memo.function);
        if (function == nullptr || memo.cleared || !memo.parameters) continue;
        if (program.runs(memo.function) == Runs::once || has_only_few_arguments(program, memo.function)) continue;
        if (is_said_bounded(program, {function->at, memo.at})) continue;
        AuditFinding finding = finding_of(program, AuditFinding::Rule::unbounded_memo, function->name, memo.word, memo.at);
        finding.lifetime = "the cache of a function";
        finding.growth.push_back(site_of(program, memo.at, memo.function, program.text(memo.word)));
        note_reach(program, finding, memo.function, "a call");
        if (finding.reach.size() > kLongestSurePath || !is_given_request_values(program, memo.function))
            finding.doubts.emplace_back("its arguments are not seen to come from requests: there may be few");
        finding.level = level_of(finding);
        findings.push_back(std::move(finding));
    }
    return findings;
}

}  // namespace leakline::audit
